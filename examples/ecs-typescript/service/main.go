// A service that names every answer.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/google/uuid"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("GET /", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("X-Request-Id", uuid.NewString())
		fmt.Fprintln(answer, "hello from ecs")
	})
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
