// Generates the SDK for Java with Pulumi's own library.
//
// Reads the package schema from standard input and writes one JSON object to standard output:
// language -> path -> content in base64. It touches no file; `cargo xtask sdk` does.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-java/pkg/codegen/java"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

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
	languages := map[string]schema.Language{"java": java.Importer}
	pkg, err := schema.ImportSpec(spec, languages, schema.NewPluginLoader(nil), schema.ValidationOptions{})
	if err != nil {
		return err
	}
	answer := os.Stdout
	os.Stdout = os.Stderr // where the library's warnings belong
	files, err := java.GeneratePackage("cargo xtask sdk", pkg, nil, nil, false, false)
	if err != nil {
		return fmt.Errorf("java: %w", err)
	}
	return json.NewEncoder(answer).Encode(map[string]map[string][]byte{"java": files})
}
