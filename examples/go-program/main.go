// Builds a Rust service and exports its reference by digest.
package main

import (
	"github.com/pulumi-fastcontainer/pulumi-fastcontainer/sdk/go/fastcontainer"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")
		image, err := fastcontainer.NewFastContainerImage(ctx, "service", &fastcontainer.FastContainerImageArgs{
			Repository: pulumi.String(settings.Require("repository")),
			Context:    pulumi.String("./service"),
			Tags:       pulumi.StringArray{pulumi.String("latest")},
		})
		if err != nil {
			return err
		}
		ctx.Export("imageUri", image.ImageUri)
		ctx.Export("steps", image.Build.Steps())
		return nil
	})
}
