import com.pulumi.Pulumi;
import io.github.pulumifastcontainer.fastcontainer.FastcontainerFunctions;
import io.github.pulumifastcontainer.fastcontainer.inputs.GetFingerprintArgs;
import io.github.pulumifastcontainer.fastcontainer.outputs.GetFingerprintResult;

public class App {
    public static void main(String[] args) {
        Pulumi.run(context -> {
            var found = FastcontainerFunctions.getFingerprint(GetFingerprintArgs.builder().context("./api").build());
            context.export("fingerprint", found.applyValue(result -> result.fingerprint().total()));
            context.export("files", found.applyValue(GetFingerprintResult::files));
        });
    }
}
