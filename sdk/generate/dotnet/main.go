// Generates the SDK for .NET with Pulumi's own library.
//
// Reads the package schema from standard input and writes one JSON object to standard output:
// language -> path -> content in base64. It touches no file; `cargo xtask sdk` does.
//
// The library insists on fetching the package's logo; it gets ours from this process, so that no network is needed.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	dotnet "github.com/pulumi/pulumi-dotnet/pulumi-language-dotnet/v3/codegen"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

//go:embed logo.png
var logo []byte

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var spec schema.PackageSpec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return fmt.Errorf("the schema on standard input: %w", err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		_, _ = answer.Write(logo)
	}))
	defer server.Close()
	spec.LogoURL = server.URL
	languages := map[string]schema.Language{"csharp": dotnet.Importer}
	pkg, err := schema.ImportSpec(spec, languages, schema.NewPluginLoader(nil), schema.ValidationOptions{})
	if err != nil {
		return err
	}
	files, err := dotnet.GeneratePackage("cargo xtask sdk", pkg, nil, nil)
	if err != nil {
		return fmt.Errorf("dotnet: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]map[string][]byte{"dotnet": files})
}
