// Go's net/http as it comes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func send(name, method, url string, body io.Reader) []byte {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		panic(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(name, answer.StatusCode)
	return content
}

func main() {
	url, folder := os.Args[1], os.Args[2]
	fmt.Println("version", strings.TrimPrefix(runtime.Version(), "go"))
	row, _ := os.ReadFile(filepath.Join(folder, "row.json"))
	rows, _ := os.ReadFile(filepath.Join(folder, "rows.json"))
	send("get", "GET", url+"/livez", nil)
	send("head", "HEAD", url+"/model", nil)
	made := struct{ ID string }{}
	json.Unmarshal(send("predict", "POST", url+"/predict", bytes.NewReader(row)), &made)
	send("batch", "POST", url+"/predict/batch", bytes.NewReader(rows))
	// A reader whose length nobody knows is sent in chunks.
	send("chunked", "POST", url+"/predict/batch", io.MultiReader(bytes.NewReader(rows)))
	send("too-large", "POST", url+"/predict", bytes.NewReader(make([]byte, 3_000_000)))
	label := fmt.Sprintf(`{"labels":[{"id":"%s","actual":true}]}`, made.ID)
	send("feedback", "POST", url+"/feedback", strings.NewReader(label))
}
