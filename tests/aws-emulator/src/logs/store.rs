//! Log groups and streams by account and region, and the two knobs of a test, for all groups or for one: delivery delay and
//! read limit.
//!
//! Held in memory; a log of 100 MB takes 100 MB. Who may do what is decided by the operations.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::LogsError;
use super::stream::Stream;
use crate::aws::Owner;
use crate::clock;

/// One log group.
pub(super) struct Group {
    /// Milliseconds since the epoch.
    pub(super) created: i64,
    pub(super) streams: BTreeMap<String, Stream>,
}

impl Group {
    fn new() -> Self {
        Self {
            created: clock::epoch_milliseconds(),
            streams: BTreeMap::new(),
        }
    }
}

/// How events reach readers.
#[derive(Clone, Copy, Default)]
struct Delivery {
    delay_milliseconds: i64,
    /// Most GetLogEvents calls in one second; unlimited if absent.
    reads_per_second: Option<u32>,
    /// The second that reads are counted for, and how many there were.
    window: (i64, u32),
}

type Groups = BTreeMap<(Owner, String), Group>;

/// All log groups.
#[derive(Default)]
pub(crate) struct LogStore {
    groups: Mutex<Groups>,
    /// By name of the group; without one, of all others.
    deliveries: Mutex<BTreeMap<Option<String>, Delivery>>,
}

impl LogStore {
    /// Sets how long events take until readers see them, and how many reads a second are allowed, for one group or for
    /// all that are not set by themselves.
    pub(crate) fn set_delivery(&self, group: Option<&str>, delay_milliseconds: u32, reads_per_second: Option<u32>) {
        let delivery = Delivery {
            delay_milliseconds: delay_milliseconds.into(),
            reads_per_second,
            window: (0, 0),
        };
        self.deliveries().insert(group.map(str::to_owned), delivery);
    }

    /// Appends messages as a service of the same account does; group and stream come into being if need be.
    pub(crate) fn append(&self, owner: &Owner, (group, stream): (&str, &str), messages: Vec<String>) {
        let now = clock::epoch_milliseconds();
        let visible_at = now + self.delay(group);
        let mut groups = self.lock();
        let group = groups
            .entry((owner.clone(), group.to_owned()))
            .or_insert_with(Group::new);
        let stream = group
            .streams
            .entry(stream.to_owned())
            .or_insert_with(|| Stream::new(now));
        for message in messages {
            stream.insert((now, message), (now, visible_at));
        }
    }

    /// Tells whether there is such a group.
    pub(crate) fn has_group(&self, owner: &Owner, group: &str) -> bool {
        self.lock().contains_key(&(owner.clone(), group.to_owned()))
    }

    /// Lists the streams of every group.
    pub(crate) fn list(&self) -> BTreeMap<String, Vec<String>> {
        let groups = self.lock();
        groups
            .iter()
            .map(|((_, name), group)| (name.clone(), group.streams.keys().cloned().collect()))
            .collect()
    }

    /// Counts one read of a group and refuses it above the limit.
    pub(super) fn admit_read(&self, group: &str) -> Result<(), LogsError> {
        let mut deliveries = self.deliveries();
        let Some(delivery) = delivery_of(&mut deliveries, group) else {
            return Ok(());
        };
        let now = clock::now();
        if delivery.window.0 != now {
            delivery.window = (now, 0);
        }
        delivery.window.1 += 1;
        match delivery.reads_per_second {
            Some(most) if delivery.window.1 > most => Err(LogsError::Throttled),
            _ => Ok(()),
        }
    }

    /// How long events of a group take until readers see them, in milliseconds.
    pub(super) fn delay(&self, group: &str) -> i64 {
        delivery_of(&mut self.deliveries(), group).map_or(0, |delivery| delivery.delay_milliseconds)
    }

    pub(super) fn create_group(&self, owner: Owner, name: &str) -> Result<(), LogsError> {
        match self.lock().entry((owner, name.to_owned())) {
            std::collections::btree_map::Entry::Occupied(_) => Err(LogsError::GroupExists),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(Group::new());
                Ok(())
            }
        }
    }

    pub(super) fn delete_group(&self, owner: Owner, name: &str) -> Result<(), LogsError> {
        let removed = self.lock().remove(&(owner, name.to_owned()));
        removed.map(drop).ok_or(LogsError::GroupNotFound)
    }

    /// Shows all groups of an owner to `look`.
    pub(super) fn with_groups<T>(&self, owner: &Owner, look: impl FnOnce(Vec<(&str, &Group)>) -> T) -> T {
        let groups = self.lock();
        let own = groups.iter().filter(|((of, _), _)| of == owner);
        look(own.map(|((_, name), group)| (name.as_str(), group)).collect())
    }

    /// Gives a group to `work`.
    pub(super) fn with_group<T>(
        &self,
        owner: Owner,
        name: &str,
        work: impl FnOnce(&mut Group) -> Result<T, LogsError>,
    ) -> Result<T, LogsError> {
        let mut groups = self.lock();
        work(
            groups
                .get_mut(&(owner, name.to_owned()))
                .ok_or(LogsError::GroupNotFound)?,
        )
    }

    /// Gives a stream to `work`.
    pub(super) fn with_stream<T>(
        &self,
        owner: Owner,
        (group, stream): (&str, &str),
        work: impl FnOnce(&mut Stream) -> Result<T, LogsError>,
    ) -> Result<T, LogsError> {
        self.with_group(owner, group, |group| {
            work(group.streams.get_mut(stream).ok_or(LogsError::StreamNotFound)?)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliveries(&self) -> MutexGuard<'_, BTreeMap<Option<String>, Delivery>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn delivery_of<'a>(deliveries: &'a mut BTreeMap<Option<String>, Delivery>, group: &str) -> Option<&'a mut Delivery> {
    let own = Some(group.to_owned());
    let key = if deliveries.contains_key(&own) { own } else { None };
    deliveries.get_mut(&key)
}
