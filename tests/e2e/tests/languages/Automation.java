import com.pulumi.Context;
import com.pulumi.automation.LocalWorkspace;
import com.pulumi.automation.LocalWorkspaceOptions;
import com.pulumi.automation.UpOptions;
import io.github.pulumifastcontainer.fastcontainer.FastContainerImage;
import io.github.pulumifastcontainer.fastcontainer.FastContainerImageArgs;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Takes the name of a project and a repository, and does what a deployment pipeline does in one process. */
public class Automation {
    public static void main(String[] arguments) throws Exception {
        var options = LocalWorkspaceOptions.builder().workDir(Path.of("").toAbsolutePath()).build();
        try (var stack = LocalWorkspace.createOrSelectStack(
                arguments[0], "dev", context -> program(context, arguments[1]), options)) {
            System.out.println("preview " + new TreeMap<>(stack.preview().changeSummary()));
            var up = stack.up();
            System.out.println("image " + up.outputs().get("imageUri").value());
            System.out.println("up " + new TreeMap<>(up.summary().resourceChanges()));
            var unchanged = stack.up(UpOptions.builder().expectNoChanges(true).build());
            System.out.println("unchanged " + new TreeMap<>(unchanged.summary().resourceChanges()));
            System.out.println("destroy " + new TreeMap<>(stack.destroy().summary().resourceChanges()));
        }
    }

    static void program(Context context, String repository) {
        var api = new FastContainerImage("api", FastContainerImageArgs.builder()
            .repository(repository)
            .context("./api")
            .buildArgs(Map.of("VERSION", "1.4.2"))
            .build());
        context.export("imageUri", api.imageUri());
    }
}
