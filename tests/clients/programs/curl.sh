#!/usr/bin/env bash
# curl as it comes; --http2 offers an upgrade, as its users do on a plain address. Over 1 MB it waits for 100 Continue.
set -euo pipefail
url=$1 folder=$2
json=(-H "Content-Type: application/json")
send() { # NAME ARGUMENTS...
    local name=$1
    shift
    echo "$name $(curl --noproxy '*' --silent --show-error --output "$folder/answer" --write-out '%{http_code}' "$@")"
}
echo "version $(curl --version | head -n 1 | cut -d ' ' -f 2)"
head -c 3000000 /dev/zero > "$folder/zeros"
send get "$url/livez"
send head --head "$url/model"
send predict --http2 "${json[@]}" --data-binary "@$folder/row.json" "$url/predict"
id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$folder/answer")
send batch "${json[@]}" --data-binary "@$folder/rows.json" "$url/predict/batch"
send chunked "${json[@]}" -H "Transfer-Encoding: chunked" --data-binary "@$folder/rows.json" "$url/predict/batch"
send too-large "${json[@]}" --data-binary "@$folder/zeros" "$url/predict"
send feedback "${json[@]}" --data "{\"labels\":[{\"id\":\"$id\",\"actual\":true}]}" "$url/feedback"
