import com.pulumi.Pulumi;
import io.github.pulumifastcontainer.fastcontainer.FastContainerImage;
import io.github.pulumifastcontainer.fastcontainer.FastContainerImageArgs;
import java.util.Map;

public class App {
    public static void main(String[] args) {
        Pulumi.run(context -> {
            var api = new FastContainerImage("api", FastContainerImageArgs.builder()
                .repository("123456789012.dkr.ecr.eu-central-1.amazonaws.com/api")
                .context("./api")
                .buildArgs(Map.of("VERSION", "1.4.2"))
                .build());
            context.export("imageUri", api.imageUri());
        });
    }
}
