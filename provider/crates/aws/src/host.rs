//! Recognises the host of a private ECR registry and reads account and region from it.
//!
//! The whole host must match, from the first character to the last: a look-alike such as
//! `….amazonaws.com.example.org` would be sent a login. Aliases, ports and the public gallery are not private registries.

use std::fmt;

/// What follows the region in each partition of AWS.
const IPV4_SUFFIXES: [&str; 3] = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"];

/// The same for hosts that are reached over IPv6 too.
const DUAL_STACK_SUFFIXES: [&str; 2] = ["on.aws", "on.amazonwebservices.com.cn"];

/// The host of a private registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EcrHost {
    /// The twelve digits of the account that owns the registry.
    pub account: String,
    /// The region that it is in.
    pub region: String,
    /// Whether it is reached through an endpoint with validated cryptography.
    pub fips: bool,
    /// What follows the region.
    pub dns_suffix: &'static str,
}

impl EcrHost {
    /// Reads `host`; `None` when it is not a private registry of ECR.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_at_checked(12)?;
        let (service, suffixes) = match rest.strip_prefix(".dkr.ecr") {
            Some(rest) => (rest, &IPV4_SUFFIXES[..]),
            None => (rest.strip_prefix(".dkr-ecr")?, &DUAL_STACK_SUFFIXES[..]),
        };
        let (fips, rest) = service
            .strip_prefix("-fips")
            .map_or((false, service), |rest| (true, rest));
        let (region, suffix) = rest.strip_prefix('.')?.split_once('.')?;
        let dns_suffix = suffixes.iter().find(|known| **known == suffix)?;
        let is_account = account.bytes().all(|byte| byte.is_ascii_digit());
        (is_account && is_region(region)).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            fips,
            dns_suffix,
        })
    }

    /// Whether the host is reached over IPv6 too.
    #[must_use]
    pub fn is_dual_stack(&self) -> bool {
        DUAL_STACK_SUFFIXES.contains(&self.dns_suffix)
    }
}

/// Lower-case words joined by dashes and a number at the end, such as `us-gov-west-1`.
fn is_region(region: &str) -> bool {
    let words: Vec<&str> = region.split('-').collect();
    let is_number = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    matches!(words.split_last(), Some((number, names)) if names.len() >= 2 && is_number(number) && names.iter().all(is_word))
}

impl fmt::Display for EcrHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = if self.is_dual_stack() { "dkr-ecr" } else { "dkr.ecr" };
        let fips = if self.fips { "-fips" } else { "" };
        write!(
            f,
            "{}.{service}{fips}.{}.{}",
            self.account, self.region, self.dns_suffix
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_registries_are_recognised() {
        let rows = [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", false),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                true,
            ),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
                false,
            ),
            ("123456789012.dkr-ecr.ap-southeast-12.on.aws", "ap-southeast-12", false),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", true),
            (
                "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
                "cn-north-1",
                false,
            ),
        ];
        for (text, region, fips) in rows {
            let host = EcrHost::parse(text).unwrap();
            assert_eq!(
                (host.account.as_str(), host.region.as_str(), host.fips),
                ("123456789012", region, fips)
            );
            assert_eq!(host.to_string(), text);
        }
    }

    #[test]
    fn look_alikes_are_not() {
        let rows = [
            "",
            "docker.io",
            "public.ecr.aws",
            "123456789012",
            "12345678901ä.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.io",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.comx",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com:443",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app",
            " 123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "evil.io/123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "x123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "1234567890123.dkr.ecr.eu-west-1.amazonaws.com",
            "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
            "12345678901a.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.evil.io.amazonaws.com",
            "123456789012.dkr.ecr.evil.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.eu-west-.amazonaws.com",
            "123456789012.dkr.ecr.EU-WEST-1.amazonaws.com",
            "123456789012.dkr.ecr-fipsx.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecrx.eu-west-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.on.aws",
            "123456789012.dkrxecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonawsxcom",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.cn.evil.io",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com\n",
        ];
        for host in rows {
            assert_eq!(EcrHost::parse(host), None, "{host}");
        }
    }
}
