//! Running the commands of a buildspec one after another as if in one shell.
//!
//! Each command is a script of its own that begins by restoring and ends by saving exported variables and the working
//! directory; `set -a` exports what a command assigns, so plain variables persist too. `exit` ends only its command, and
//! what such a command changed is forgotten. The files are in `/codebuild/output/tmp`, as in CodeBuild's own images.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use super::output::BuildLog;
use super::sandbox::Sandbox;
use super::variables::Variables;

const FOLDER: &str = "/codebuild/output/tmp";

/// The shell that commands run in.
pub(super) struct Shell {
    program: String,
    /// The folder of the scripts, seen from outside.
    folder: PathBuf,
    base: Variables,
}

impl Shell {
    /// Prepares a shell that begins with these variables in a working directory of the sandbox.
    pub(super) fn new(
        sandbox: &Sandbox,
        program: &str,
        (variables, directory): (&Variables, &str),
    ) -> io::Result<Self> {
        let folder = sandbox.codebuild().join("output/tmp");
        std::fs::create_dir_all(&folder)?;
        let exports: String = variables.iter().map(|(name, value)| export(name, value)).collect();
        std::fs::write(folder.join("env.sh"), exports)?;
        std::fs::write(folder.join("dir.txt"), format!("{directory}\n"))?;
        let base = [("PATH", sandbox.path()), ("HOME", "/root")];
        Ok(Self {
            program: program.to_owned(),
            folder,
            base: base.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        })
    }

    /// Sets a variable for the commands to come.
    pub(super) fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let path = self.folder.join("env.sh");
        let text = std::fs::read_to_string(&path)? + &export(name, value);
        std::fs::write(path, text)
    }

    /// Runs a command; its output goes to the log. Returns its exit status, 128 and more for a signal.
    pub(super) async fn run(&self, sandbox: &mut Sandbox, command: &str, log: &mut BuildLog) -> io::Result<i32> {
        let text = format!(
            "cd \"$(cat {FOLDER}/dir.txt)\"\n. {FOLDER}/env.sh\nset -a\n{command}\nCODEBUILD_LAST_EXIT=$?\nset +a\n\
             export -p >{FOLDER}/env.sh\npwd >{FOLDER}/dir.txt\nexit $CODEBUILD_LAST_EXIT\n"
        );
        std::fs::write(self.folder.join("script.sh"), text)?;
        let mut process = sandbox.command(&self.program, &self.base);
        process.arg(format!("{FOLDER}/script.sh"));
        let status = sandbox.run(process, |bytes| log.output(bytes)).await?;
        log.flush();
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    /// Reads variables as the last command left them; one that is not set is empty.
    pub(super) async fn values(&self, sandbox: &mut Sandbox, names: &[String]) -> io::Result<Vec<(String, String)>> {
        let places: String = names.iter().map(|name| format!(" \"${{{name}-}}\"")).collect();
        let text = format!(". {FOLDER}/env.sh\nprintf '%s\\0'{places} >{FOLDER}/exported\n");
        // The same shell has written them, in words of its own.
        let mut process = sandbox.command(&self.program, &self.base);
        process.args(["-c", &text]);
        sandbox.run(process, |_| ()).await?;
        let values = std::fs::read(self.folder.join("exported"))?;
        let values = values
            .split(|byte| *byte == 0)
            .map(|value| String::from_utf8_lossy(value).into_owned());
        Ok(names.iter().cloned().zip(values).collect())
    }
}

/// A line that sets a variable whatever is in its value.
fn export(name: &str, value: &str) -> String {
    format!("export {name}='{}'\n", value.replace('\'', "'\\''"))
}
