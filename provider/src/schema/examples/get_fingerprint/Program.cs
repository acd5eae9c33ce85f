using System.Collections.Generic;
using Pulumi;
using Pulumi.Fastcontainer;

return await Deployment.RunAsync(() =>
{
    var found = GetFingerprint.Invoke(new GetFingerprintInvokeArgs { Context = "./api" });

    return new Dictionary<string, object?>
    {
        ["fingerprint"] = found.Apply(result => result.Fingerprint.Total),
        ["files"] = found.Apply(result => result.Files),
    };
});
