package main

import (
	"github.com/pulumi-fastcontainer/pulumi-fastcontainer/sdk/go/fastcontainer"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		api, err := fastcontainer.NewFastContainerImage(ctx, "api", &fastcontainer.FastContainerImageArgs{
			Repository: pulumi.String("123456789012.dkr.ecr.eu-central-1.amazonaws.com/api"),
			Context:    pulumi.String("./api"),
			BuildArgs:  pulumi.StringMap{"VERSION": pulumi.String("1.4.2")},
		})
		if err != nil {
			return err
		}
		ctx.Export("imageUri", api.ImageUri)
		return nil
	})
}
