#!/usr/bin/env bash
# wget as it comes: it sends no body of unknown length.
set -euo pipefail
url=$1 folder=$2
send() { # NAME ARGUMENTS...
    local name=$1
    shift
    wget --no-proxy --tries=1 --server-response --output-document="$folder/answer" "$@" 2> "$folder/said" || true
    echo "$name $(sed -n 's|^ *HTTP/1.1 \([0-9]*\).*|\1|p' "$folder/said" | tail -n 1)"
}
post() { # NAME FILE PATH
    send "$1" --header="Content-Type: application/json" --post-file="$2" "$url$3"
}
echo "version $(wget --version | head -n 1 | cut -d ' ' -f 3)"
head -c 3000000 /dev/zero > "$folder/zeros"
send get "$url/livez"
send head --spider "$url/model"
post predict "$folder/row.json" /predict
id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$folder/answer")
post batch "$folder/rows.json" /predict/batch
post too-large "$folder/zeros" /predict
echo "{\"labels\":[{\"id\":\"$id\",\"actual\":true}]}" > "$folder/label.json"
post feedback "$folder/label.json" /feedback
