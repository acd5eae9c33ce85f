// Generates the SDKs for Node.js, Python and Go with Pulumi's own libraries.
//
// Reads the package schema from standard input and writes one JSON object to standard output:
// language -> path -> content in base64. It touches no file; `cargo xtask sdk` does.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	golang "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

const tool = "cargo xtask sdk"

type files = map[string][]byte

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
	languages := map[string]schema.Language{
		"nodejs": nodejs.Importer, "python": python.Importer, "go": golang.Importer,
	}
	loader := schema.NewPluginLoader(nil)
	pkg, err := schema.ImportSpec(spec, languages, loader, schema.ValidationOptions{})
	if err != nil {
		return err
	}
	all := map[string]files{}
	if all["nodejs"], err = nodejs.GeneratePackage(tool, pkg, nil, nil, false, loader); err != nil {
		return fmt.Errorf("nodejs: %w", err)
	}
	if all["python"], err = python.GeneratePackage(tool, pkg, nil, loader); err != nil {
		return fmt.Errorf("python: %w", err)
	}
	if all["go"], err = golang.GeneratePackage(tool, pkg, nil); err != nil {
		return fmt.Errorf("go: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}
