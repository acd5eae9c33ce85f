import com.pulumi.Pulumi;
import io.github.pulumifastcontainer.fastcontainer.FastcontainerFunctions;
import io.github.pulumifastcontainer.fastcontainer.inputs.GetImageArgs;
import io.github.pulumifastcontainer.fastcontainer.outputs.GetImageResult;

public class App {
    public static void main(String[] args) {
        Pulumi.run(context -> {
            var released = FastcontainerFunctions.getImage(GetImageArgs.builder()
                .repository("123456789012.dkr.ecr.eu-central-1.amazonaws.com/api")
                .tag("released")
                .build());
            context.export("imageUri", released.applyValue(GetImageResult::imageUri));
        });
    }
}
