//! A destination that lies: real ones do, and every layer above must come through it.
//!
//! [`Lying`] stands before any destination and, when its [`Rule`]s say so, answers what that destination would not: each
//! [`Lie`] is one that some store, proxy or network tells. What it says by chance follows from the seed. It keeps a list of the lies
//! that it told, so that a test can know that it tested something.
mod rule;

pub use rule::{Lie, Rule};

use crate::workload::Random;
use chronicle::destination::{
    Body, Bytes, Capabilities, Cleaned, Destination, Job, ObjectMeta, ObjectName, Page, Put, PutMode,
    PutOptions,
};
use chronicle::ids::Hash;
use chronicle::{Error, ErrorKind, Result};
use rule::Call;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a torn object is to be seen, and how wide the gap of a racy creation is.
const MOMENT: Duration = Duration::from_millis(3);

/// A destination that lies about another one.
pub struct Lying<D> {
    inner: D,
    capabilities: Capabilities,
    memory: Mutex<Memory>,
}

struct Memory {
    rules: Vec<Rule>,
    random: Random,
    told: Vec<Lie>,
    /// What objects held before they were overwritten or deleted.
    before: BTreeMap<ObjectName, Vec<u8>>,
    last_put: Option<ObjectName>,
}

impl<D: Destination> Lying<D> {
    /// Honest until a rule is added. The seed decides what is left to chance.
    pub fn new(inner: D, seed: u64) -> Self {
        let memory = Memory {
            rules: Vec::new(),
            random: Random::new(seed),
            told: Vec::new(),
            before: BTreeMap::new(),
            last_put: None,
        };
        Self { capabilities: inner.capabilities(), inner, memory: Mutex::new(memory) }
    }

    /// Says of itself that it can do this.
    #[must_use]
    pub fn claiming(self, capabilities: Capabilities) -> Self {
        Self { capabilities, ..self }
    }

    /// Adds a rule.
    #[must_use]
    pub fn with(self, rule: Rule) -> Self {
        self.add(rule);
        self
    }

    /// Adds a rule from now on.
    pub fn add(&self, rule: Rule) {
        self.memory().rules.push(rule);
    }

    /// Is honest from now on.
    pub fn repent(&self) {
        self.memory().rules.clear();
    }

    /// The lies that were told so far.
    pub fn told(&self) -> Vec<Lie> {
        self.memory().told.clone()
    }

    /// What it lies about.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lies for this call. Slowness is over with, and an error before is the answer.
    fn lies(&self, call: Call, name: Option<&ObjectName>) -> Result<Vec<Lie>> {
        let lies = {
            let memory = &mut *self.memory();
            let name = name.map_or("", ObjectName::as_str);
            let lies: Vec<Lie> = memory
                .rules
                .iter_mut()
                .filter_map(|rule| rule.lie_to(call, name, &mut memory.random))
                .collect();
            memory.told.extend(&lies);
            lies
        };
        for lie in &lies {
            match lie {
                Lie::Slow(delay) => std::thread::sleep(*delay),
                Lie::ErrorBefore(kind) => return Err(failure(*kind)),
                _ => {}
            }
        }
        Ok(lies)
    }

    fn remember(&self, name: &ObjectName) {
        let bytes = self.inner.get(name, 1 << 20);
        let mut memory = self.memory();
        if let Ok(bytes) = bytes {
            memory.before.insert(name.clone(), bytes);
        }
        memory.last_put = Some(name.clone());
    }

    fn lying_put(
        &self,
        name: &ObjectName,
        body: &dyn Body,
        options: PutOptions,
        lies: &[Lie],
    ) -> Result<Put> {
        let create_only = options.mode == PutMode::CreateOnly;
        let overwrite = PutOptions { mode: PutMode::Overwrite, ..options };
        if lies.contains(&Lie::ObjectGone) {
            return Ok(Put::Written);
        }
        if lies.contains(&Lie::CreateOnlyIgnored) {
            return self.inner.put(name, body, overwrite);
        }
        if lies.contains(&Lie::CreateOnlyRacy) && create_only {
            if self.inner.stat(name)?.is_some() {
                return Ok(Put::AlreadyThere);
            }
            std::thread::sleep(MOMENT);
            // Names of parts on the medium are of the job: two racers have two.
            return self.inner.put(name, body, overwrite);
        }
        let torn = lies.contains(&Lie::TornWhilePut) || lies.contains(&Lie::TornPut);
        if torn && !(create_only && self.inner.stat(name)?.is_some()) {
            let mut half = vec![0; usize::try_from(body.len() / 2).expect("small in tests")];
            body.read_exact_at(0, &mut half)?;
            let put = self.inner.put(name, &Bytes(&half), overwrite)?;
            if lies.contains(&Lie::TornPut) {
                return Ok(put);
            }
            std::thread::sleep(MOMENT);
            return self.inner.put(name, body, overwrite);
        }
        if lies.contains(&Lie::TornByFailure) {
            let outcome = self.inner.put(name, body, options);
            if outcome.is_err() {
                let _ = self.inner.put(name, &Bytes(b"half of i"), overwrite)?;
            }
            return outcome;
        }
        let put = self.inner.put(name, body, options)?;
        Ok(if lies.contains(&Lie::RepeatedSuccess) { Put::Written } else { put })
    }
}

fn failure(kind: ErrorKind) -> Error {
    Error::new(kind, "a lie of the test")
}

fn shortened(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - bytes.len().div_ceil(3));
    bytes
}

impl<D: Destination> Destination for Lying<D> {
    fn place(&self) -> String {
        format!("lying {}", self.inner.place())
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn put(&self, name: &ObjectName, body: &dyn Body, options: PutOptions) -> Result<Put> {
        let lies = self.lies(Call::Put, Some(name))?;
        self.remember(name);
        let put = self.lying_put(name, body, options, &lies)?;
        match lies.contains(&Lie::LostAcknowledgement) {
            true => Err(failure(ErrorKind::Transient)),
            false => Ok(put),
        }
    }

    fn get(&self, name: &ObjectName, len_max: u64) -> Result<Vec<u8>> {
        let lies = self.lies(Call::Get, Some(name))?;
        if lies.contains(&Lie::StaleGet)
            && let Some(bytes) = self.memory().before.get(name)
        {
            return Ok(bytes.clone());
        }
        let bytes = self.inner.get(name, len_max)?;
        Ok(if lies.contains(&Lie::ShortBody) { shortened(bytes) } else { bytes })
    }

    fn get_range(&self, name: &ObjectName, offset: u64, len: u64) -> Result<Vec<u8>> {
        let lies = self.lies(Call::GetRange, Some(name))?;
        let object_len = self.inner.stat(name)?.map_or(0, |meta| meta.len);
        let end = offset.checked_add(len);
        if lies.contains(&Lie::ShortRange) && end.is_none_or(|end| end > object_len) {
            let offset = offset.min(object_len);
            return self.inner.get_range(name, offset, len.min(object_len - offset));
        }
        if lies.contains(&Lie::WrongRange) && end.is_some_and(|end| end < object_len) {
            return self.inner.get_range(name, offset + 1, len);
        }
        let bytes = self.inner.get_range(name, offset, len)?;
        Ok(if lies.contains(&Lie::ShortBody) { shortened(bytes) } else { bytes })
    }

    fn stat(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        let lies = self.lies(Call::Stat, Some(name))?;
        let meta = self.inner.stat(name)?;
        Ok(match lies.contains(&Lie::WrongLength) {
            true => meta.map(|meta| ObjectMeta { len: meta.len + 1, ..meta }),
            false => meta,
        })
    }

    fn list(&self, folder: Option<&ObjectName>, cursor: Option<&str>, limit: usize) -> Result<Page> {
        let lies = self.lies(Call::List, folder)?;
        let mut page = self.inner.list(folder, cursor, limit)?;
        if lies.contains(&Lie::StaleList) {
            let last = self.memory().last_put.clone();
            page.objects.retain(|object| Some(&object.name) != last.as_ref());
        }
        if lies.contains(&Lie::ShortList) {
            page.next = None;
        }
        if lies.contains(&Lie::UnsortedList) {
            page.objects.reverse();
        }
        if lies.contains(&Lie::EndlessList) {
            page.next = Some("again".to_owned());
        }
        Ok(page)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let lies = self.lies(Call::Delete, Some(name))?;
        self.remember(name);
        if !lies.contains(&Lie::DeleteIgnored) {
            self.inner.delete(name)?;
        }
        match lies.contains(&Lie::LostAcknowledgement) {
            true => Err(failure(ErrorKind::Transient)),
            false => Ok(()),
        }
    }

    fn clean(&self, folder: Option<&ObjectName>, is_over: &dyn Fn(Job) -> bool) -> Result<Cleaned> {
        let lies = self.lies(Call::Clean, folder)?;
        if lies.contains(&Lie::CleansLiving) {
            return self.inner.clean(folder, &|_| true);
        }
        self.inner.clean(folder, is_over)
    }

    fn hash(&self, name: &ObjectName) -> Result<Option<Hash>> {
        let lies = self.lies(Call::Hash, Some(name))?;
        let hash = self.inner.hash(name)?;
        Ok(if lies.contains(&Lie::WrongHash) { Some(Hash::of(b"something else")) } else { hash })
    }
}
