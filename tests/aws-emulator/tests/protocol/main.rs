//! The emulator as its clients see it: over sockets, with the AWS SDK for the control planes and raw HTTP for the
//! registry API.

#[cfg(test)]
mod client;
#[cfg(test)]
mod control_plane;
#[cfg(test)]
mod data_plane;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod images;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod public;
#[cfg(test)]
mod s3;
#[cfg(test)]
mod s3_integrity;
#[cfg(test)]
mod s3_multipart;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod ssm;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod uploads;
