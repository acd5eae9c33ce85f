//! What Pulumi's registry shows about the package, compared with the package.

use super::{VERSION, examples, package_schema};

const INDEX: &str = include_str!("../../../docs/_index.md");
const CONFIGURATION: &str = include_str!("../../../docs/installation-configuration.md");

/// Words in backticks in one column of a page's table of keys.
fn column(number: usize) -> Vec<&'static str> {
    let rows = CONFIGURATION
        .lines()
        .skip_while(|line| !line.starts_with("| key |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('|').nth(number).unwrap().split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn page_about_configuration_has_the_keys_of_the_schema_and_no_others() {
    let schema = package_schema();
    let keys = schema["config"]["variables"].as_object().unwrap();
    let mut described = column(1);
    described.sort_unstable();
    assert_eq!(described, keys.keys().collect::<Vec<_>>());
}

#[test]
fn page_about_configuration_names_this_version_and_these_packages() {
    let schema = package_schema();
    let language = &schema["language"];
    let names = [
        &language["nodejs"]["packageName"],
        &language["python"]["packageName"],
        &language["go"]["importBasePath"],
        &schema["repository"],
    ];
    for name in names {
        assert!(CONFIGURATION.contains(name.as_str().unwrap()), "{name} is missing");
    }
    let commands = CONFIGURATION
        .lines()
        .filter(|line| line.starts_with("pulumi plugin install"));
    for command in commands {
        assert!(command.contains(&format!("fastcontainer {VERSION} ")), "{command}");
    }
}

/// The examples are compiled elsewhere, as what they are.
#[test]
fn first_page_shows_the_example_of_the_schema_in_every_language() {
    for (fence, text) in examples::IMAGE {
        let block = format!("language {fence} %}}}}\n\n```{fence}\n{}\n```\n", text.trim_end());
        assert!(INDEX.contains(&block), "the example in {fence} is not the schema's");
    }
}
