//! Properties to [`ImageInputs`]: every failure at once, each with its path and what to do.

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{Platform, context_key};
use fastcontainer_property::{Cursor, Decoder, Failure, Field, Form, PropertyMap, PropertyPath, decode};

use super::cache_inputs::decode_cache;
use super::diff::FINGERPRINT;
use super::inputs::{BaseImages, IMAGE_SCHEME, ImageInputs, Reuse};
use super::secret_inputs::{decode_secrets, is_value};
use crate::backend::settings::decode_builder;
use crate::planning::options::{FingerprintMode, Network};

/// Decoded inputs; where something is unknown or wrong the value counts as absent.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The inputs.
    pub inputs: ImageInputs,
    /// Every unknown value.
    pub unknown: Vec<PropertyPath>,
    /// Everything that is wrong.
    pub failures: Vec<Failure>,
}

impl Decoded {
    /// Whether one of the named inputs is not known yet.
    #[must_use]
    pub fn depends_on_unknown(&self, names: &[&str]) -> bool {
        self.unknown
            .iter()
            .any(|path| path.root().is_some_and(|root| names.contains(&root)))
    }
}

/// A failure of one property by name.
#[must_use]
pub fn failure(name: &str, reason: impl Into<String>) -> Failure {
    Failure {
        path: PropertyPath::key(name),
        reason: reason.into(),
    }
}

/// Decodes and validates the inputs of an image. The computed fingerprint is not one of them.
#[must_use]
pub fn decode_inputs(properties: &PropertyMap) -> Decoded {
    let mut written = properties.clone();
    written.remove(FINGERPRINT);
    let decoded = decode(&written, Form::Inputs, read);
    Decoded {
        inputs: decoded.value,
        unknown: that_matter(decoded.unknowns),
        failures: decoded.failures,
    }
}

/// Decodes the inputs that say what a build is, as `getFingerprint` takes them.
///
/// # Errors
/// Everything that is wrong with them.
pub fn decode_build(properties: &PropertyMap) -> Result<ImageInputs, Vec<Failure>> {
    let decoded = decode(properties, Form::Inputs, read_build);
    let failures = with_unknowns(decoded.failures, that_matter(decoded.unknowns));
    if failures.is_empty() {
        Ok(decoded.value)
    } else {
        Err(failures)
    }
}

/// Whatever the value of a secret will be, it decides nothing.
fn that_matter(mut unknowns: Vec<PropertyPath>) -> Vec<PropertyPath> {
    unknowns.retain(|path| !is_value(path));
    unknowns
}

/// Adds that these arguments are not known: a function cannot answer later, and defaults in their place would lie.
#[must_use]
pub fn with_unknowns(mut failures: Vec<Failure>, unknowns: Vec<PropertyPath>) -> Vec<Failure> {
    let reason = "is not known before the update; call the function with values that are known";
    failures.extend(unknowns.into_iter().map(|path| Failure {
        path,
        reason: reason.to_owned(),
    }));
    failures
}

fn read(inputs: &mut Decoder<'_>) -> ImageInputs {
    ImageInputs {
        repository: repository(inputs.at("repository")),
        tags: inputs.at("tags").list(tag).known(),
        no_cache: inputs.at("noCache").bool().known(),
        cache: decode_cache(inputs.at("cache")),
        reuse: decode_reuse(inputs.at("reuse")),
        builder: decode_builder(inputs.at("builder")),
        ..read_build(inputs)
    }
}

fn read_build(inputs: &mut Decoder<'_>) -> ImageInputs {
    if inputs.has("dockerfile") && inputs.has("dockerfileInline") {
        inputs
            .at("dockerfileInline")
            .fail("excludes `dockerfile`; set only one of them");
    }
    let (secrets, secret_refs) = decode_secrets(inputs);
    ImageInputs {
        context: not_empty(inputs.at("context")),
        dockerfile: not_empty(inputs.at("dockerfile")),
        dockerfile_inline: not_empty(public(
            inputs.at("dockerfileInline"),
            "instructions are stored in the image",
        )),
        target: not_empty(inputs.at("target")),
        platforms: platforms(inputs.at("platforms")),
        named_contexts: named_contexts(inputs.at("namedContexts")),
        fingerprint_mode: inputs.at("fingerprintMode").keyword(&FINGERPRINT_MODES).known(),
        base_images: decode_base_images(inputs.at("baseImages")),
        build_args: public_map(inputs.at("buildArgs"), "build arguments are stored in the image"),
        secrets,
        secret_refs,
        labels: public_map(inputs.at("labels"), "labels are stored in the image"),
        network: inputs.at("network").keyword(&NETWORKS).known(),
        add_hosts: inputs.at("addHosts").list(host).known(),
        triggers: inputs.at("triggers").list(|item| item.text()).known(),
        ..ImageInputs::default()
    }
}

const NETWORKS: [(&str, Network); 3] = [
    ("default", Network::Default),
    ("none", Network::None),
    ("host", Network::Host),
];

const FINGERPRINT_MODES: [(&str, FingerprintMode); 2] = [
    ("precise", FingerprintMode::Precise),
    ("context", FingerprintMode::Context),
];

/// `baseImages`, of an image or of the provider.
#[must_use]
pub fn decode_base_images(value: Cursor<'_>) -> Option<BaseImages> {
    value
        .keyword(&[("ignore", BaseImages::Ignore), ("track", BaseImages::Track)])
        .known()
}

fn named_contexts(value: Cursor<'_>) -> Option<BTreeMap<String, String>> {
    let mut seen = BTreeMap::new();
    let contexts = value.map(|name, mut value| {
        let key = context_key(name);
        if ["scratch", "context"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word))
        {
            value.fail("builders never look for a context of this name; choose another one");
        } else if let Some(other) = seen.get(&key) {
            value.fail(format!("is the same context as `{other}`; remove one of them"));
        }
        seen.insert(key, name.to_owned());
        named_context(name, public(value, "messages and outputs name what a build reads"))
    });
    contexts.all_known().known()
}

fn named_context(name: &str, mut value: Cursor<'_>) -> Field<String> {
    if name.is_empty() || name.contains(['=', ',']) || name.contains(char::is_whitespace) {
        value.fail("the name of a context must be one word without `=` and `,`, as `COPY --from=` uses it");
    }
    let problem = match value.peek() {
        Some("") => Some("must be a directory or `docker-image://…`"),
        Some(text) if text.contains("://") && !text.starts_with(IMAGE_SCHEME) => {
            Some("only directories and `docker-image://…` can be named contexts")
        }
        _ => None,
    };
    if let Some(problem) = problem {
        value.fail(problem);
    }
    value.required().string()
}

/// A repository's name.
pub fn repository(mut value: Cursor<'_>) -> String {
    if let Some(text) = value.peek()
        && let Err(error) = fastcontainer_registry::Repository::parse(text)
    {
        value.fail(error.to_string());
    }
    value.required().string().known().unwrap_or_default()
}

fn not_empty(mut value: Cursor<'_>) -> Option<String> {
    if value.peek() == Some("") {
        value.fail("must not be empty; leave it out for the default");
    }
    value.string().known()
}

/// Each platform in its canonical form, and once.
fn platforms(value: Cursor<'_>) -> Option<Vec<String>> {
    let mut seen = BTreeMap::new();
    let list = value.list(|mut item| {
        let parsed = item.peek().map(|text| (text.to_owned(), Platform::parse(text)));
        match &parsed {
            Some((_, Err(error))) => item.fail(error.to_string()),
            Some((text, Ok(platform))) => {
                if let Some(other) = seen.insert(platform.clone(), text.clone()) {
                    item.fail(format!("is the same platform as `{other}`; remove one of them"));
                }
            }
            None => {}
        }
        let canonical = |text: String| Platform::parse(&text).map_or(text, |platform| platform.to_string());
        item.string().map(canonical)
    });
    list.known().filter(|list| !list.is_empty())
}

/// Named values that end up in the image, where everybody can read them.
fn public_map(value: Cursor<'_>, where_stored: &str) -> Option<BTreeMap<String, String>> {
    let stored = format!("{where_stored}, where everybody who may pull it can read them");
    let entries = value.map(|name, mut entry| {
        if name.is_empty() || name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) {
            entry.fail("its name must be one word without `=`; correct the name");
        }
        public(entry, &stored).required().text()
    });
    entries.all_known().known()
}

/// Refuses a secret value that would come to light.
fn public<'a>(mut value: Cursor<'a>, why: &str) -> Cursor<'a> {
    if value.is_secret() {
        value.fail(format!("must not be secret: {why}"));
    }
    value
}

fn host(mut value: Cursor<'_>) -> Field<String> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let fits = value.peek().is_none_or(|text| {
        text.split_once(':')
            .is_some_and(|(name, address)| is_name(name) && address.parse::<std::net::IpAddr>().is_ok())
    });
    if !fits {
        value.fail("must be `host:ip`, such as `db:10.0.0.5`");
    }
    value.string()
}

fn tag(mut value: Cursor<'_>) -> Field<String> {
    if let Some(text) = value.peek() {
        if let Err(error) = fastcontainer_registry::Tag::parse(text) {
            value.fail(error.to_string());
        } else if text.starts_with("fc-") {
            value.fail("must not begin with `fc-`: such tags belong to the provider");
        }
    }
    value.string()
}

/// `reuse`, of an image or of the provider.
#[must_use]
pub fn decode_reuse(value: Cursor<'_>) -> Option<Reuse> {
    value
        .keyword(&[
            ("anywhere", Reuse::Anywhere),
            ("stack", Reuse::Stack),
            ("never", Reuse::Never),
        ])
        .known()
}
