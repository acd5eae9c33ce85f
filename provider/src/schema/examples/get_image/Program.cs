using System.Collections.Generic;
using Pulumi;
using Pulumi.Fastcontainer;

return await Deployment.RunAsync(() =>
{
    var released = GetImage.Invoke(new GetImageInvokeArgs
    {
        Repository = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api",
        Tag = "released",
    });

    return new Dictionary<string, object?> { ["imageUri"] = released.Apply(image => image.ImageUri) };
});
