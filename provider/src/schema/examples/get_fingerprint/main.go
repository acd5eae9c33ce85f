package main

import (
	"github.com/pulumi-fastcontainer/pulumi-fastcontainer/sdk/go/fastcontainer"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		found := fastcontainer.GetFingerprintOutput(ctx, fastcontainer.GetFingerprintOutputArgs{
			Context: pulumi.String("./api"),
		})
		ctx.Export("fingerprint", found.Fingerprint().Total())
		ctx.Export("files", found.Files())
		return nil
	})
}
