//! Builds on AWS CodeBuild: from the program to the running image, without a builder on this machine.

#[cfg(test)]
mod account;
#[cfg(test)]
mod archives;
#[cfg(test)]
mod builds;
#[cfg(test)]
mod caches;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod least_privilege;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod own_buildkit;
#[cfg(test)]
mod platforms;
#[cfg(test)]
mod regions;
#[cfg(test)]
mod script;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod waiting;
