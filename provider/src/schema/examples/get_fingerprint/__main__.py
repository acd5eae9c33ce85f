import pulumi
import pulumi_fastcontainer as fastcontainer

found = fastcontainer.get_fingerprint_output(context="./api")

pulumi.export("fingerprint", found.fingerprint.total)
pulumi.export("files", found.files)
