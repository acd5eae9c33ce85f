using System.Collections.Generic;
using Pulumi;
using Pulumi.Fastcontainer;

return await Deployment.RunAsync(() =>
{
    var api = new FastContainerImage("api", new FastContainerImageArgs
    {
        Repository = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api",
        Context = "./api",
        BuildArgs = { ["VERSION"] = "1.4.2" },
    });

    return new Dictionary<string, object?> { ["imageUri"] = api.ImageUri };
});
