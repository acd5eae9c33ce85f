package main

import (
	"github.com/pulumi-fastcontainer/pulumi-fastcontainer/sdk/go/fastcontainer"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		released := fastcontainer.GetImageOutput(ctx, fastcontainer.GetImageOutputArgs{
			Repository: pulumi.String("123456789012.dkr.ecr.eu-central-1.amazonaws.com/api"),
			Tag:        pulumi.String("released"),
		})
		ctx.Export("imageUri", released.ImageUri())
		return nil
	})
}
