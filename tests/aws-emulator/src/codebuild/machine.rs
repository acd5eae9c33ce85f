//! The machine of one build: a sandbox with the service role's credentials, a way to the emulator, and Docker if the
//! build is privileged.
//!
//! With a network of its own, TLS on the real names, the credentials endpoint `169.254.170.2` and a name server are
//! sockets of the emulator inside that network, and so are the ways to other servers that builds may reach. Without one, builds share the emulator's network and are led to it by
//! `AWS_ENDPOINT_URL`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::PoisonError;

use http::StatusCode;
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Entrance;
use super::configuration::role_name;
use super::record::Build;
use super::sandbox::{Sandbox, SandboxError, open_tcp, open_udp, relay};
use super::variables::Variables;
use crate::aws::Identity;
use crate::emulator::Emulator;
use crate::reply::{self, Reply};
use crate::{clock, dns, random, server};

/// Paths of credentials begin so.
pub(crate) const CREDENTIALS: &str = "/_build/credentials/";

/// Where each build finds its credentials and its name server, from containers too.
const BUILDS_OWN: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);

const SECONDS_OF_CREDENTIALS: u32 = 3600;

/// As the start script of the curated images does, but waiting until the socket is there.
const START_DOCKER: &str = "(exec dockerd --host=unix:///var/run/docker.sock --host=tcp://127.0.0.1:2375 \
    --feature containerd-snapshotter=false --storage-driver=overlay2 >/var/log/docker.log 2>&1 &)\n\
    i=0; while [ ! -S /var/run/docker.sock ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done";

/// The running machine of a build; dropping it ends it.
pub(super) struct Machine {
    pub(super) sandbox: Sandbox,
    /// Variables that lead AWS clients to the emulator and to the role's credentials.
    pub(super) variables: Variables,
    emulator: Arc<Emulator>,
    path: String,
    _serving: DropGuard,
}

impl Machine {
    /// Starts the machine for a build that acts as `role`.
    pub(super) async fn start(emulator: &Arc<Emulator>, build: &Build, role: Identity) -> Result<Self, SandboxError> {
        let codebuild = &emulator.codebuild;
        let addresses = codebuild.entrance.get().map(Entrance::addresses).unwrap_or_default();
        let work = codebuild.work.join(build.uuid());
        let sandbox = Sandbox::start(&codebuild.host, (work, build.uuid()), &addresses).await?;
        let image = &build.configuration.environment.image;
        sandbox.let_sh_be(shell_of(image))?;
        let serving = CancellationToken::new();
        let path = format!("{CREDENTIALS}{}", random::hex(16));
        codebuild
            .roles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.clone(), role);
        let mut machine = Self {
            sandbox,
            variables: Variables::new(),
            emulator: Arc::clone(emulator),
            path,
            _serving: serving.clone().drop_guard(),
        };
        machine.connect(&serving).map_err(SandboxError::Network)?;
        let region = &build.owner.region;
        machine.put("AWS_REGION", region);
        machine.put("AWS_DEFAULT_REGION", region);
        if build.configuration.environment.privileged_mode {
            machine.start_docker().await.map_err(SandboxError::Network)?;
        }
        Ok(machine)
    }

    fn put(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    fn connect(&mut self, serving: &CancellationToken) -> std::io::Result<()> {
        let emulator = Arc::clone(&self.emulator);
        let entrance = emulator.codebuild.entrance.get();
        let path = self.path.clone();
        if !emulator.codebuild.host.own_network {
            if let Some(address) = entrance.and_then(|entrance| entrance.http) {
                self.put("AWS_ENDPOINT_URL", &format!("http://{address}"));
                self.put("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{address}{path}"));
            }
            return Ok(());
        }
        let pid = self.sandbox.pid();
        if let Some(tls) = entrance.and_then(|entrance| entrance.tls.clone()) {
            let listener = open_tcp(pid, (Ipv4Addr::LOCALHOST, 443).into())?;
            tokio::spawn(server::accept(
                listener,
                Some(tls),
                Arc::clone(&emulator),
                serving.clone(),
            ));
        }
        for address in entrance.map(Entrance::addresses).unwrap_or_default() {
            relay(pid, (address, 443).into(), serving.clone())?;
        }
        let names = entrance.map(|entrance| entrance.names.clone()).unwrap_or_default();
        let resolver = open_udp(pid, (BUILDS_OWN, 53).into())?;
        tokio::spawn(dns::serve(resolver, names, serving.clone()));
        let credentials = open_tcp(pid, (BUILDS_OWN, 80).into())?;
        tokio::spawn(server::accept(credentials, None, emulator, serving.clone()));
        self.put("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", &path);
        Ok(())
    }

    async fn start_docker(&mut self) -> std::io::Result<()> {
        let programs = self.emulator.codebuild.host.programs.as_ref();
        if !programs.is_some_and(|programs| programs.join("dockerd").exists()) {
            return Ok(());
        }
        let variables = [("PATH", self.sandbox.path()), ("HOME", "/root")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut command = self.sandbox.command("/bin/sh", &variables.into());
        command.args(["-c", START_DOCKER]);
        // A daemon that does not start is found missing by the build, as it would be in CodeBuild.
        self.sandbox.run(command, |_| ()).await.map(drop)
    }
}

/// What `sh` is in an image: bash in Amazon Linux, dash in Ubuntu.
fn shell_of(image: &str) -> &'static str {
    if image.contains("amazonlinux") { "bash" } else { "dash" }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut roles = self
            .emulator
            .codebuild
            .roles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        roles.remove(&self.path);
    }
}

/// Returns who a build acts as.
pub(super) fn role_of(build: &Build) -> Identity {
    let role = &build.configuration.service_role;
    let account = role.split(':').nth(4).unwrap_or(&build.owner.account).to_owned();
    let (name, session) = (
        role_name(role).unwrap_or_default(),
        format!("AWSCodeBuild-{}", build.uuid()),
    );
    Identity {
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
        user_id: format!("AROATESTROLE00000000:{session}"),
        account,
    }
}

/// Answers the credentials endpoint.
pub(crate) fn answer_credentials(emulator: &Emulator, path: &str) -> Reply {
    let roles = emulator.codebuild.roles.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(identity) = roles.get(path).cloned() else {
        return reply::text(StatusCode::NOT_FOUND, "text/plain", "no such credentials\n");
    };
    drop(roles);
    let (id, key) = emulator.credentials.issue(identity, SECONDS_OF_CREDENTIALS);
    let answer = json!({
        "AccessKeyId": id, "SecretAccessKey": key.secret, "Token": key.session_token,
        "Expiration": clock::iso8601(key.expires_at.unwrap_or_default()),
    });
    reply::json(StatusCode::OK, &answer)
}
