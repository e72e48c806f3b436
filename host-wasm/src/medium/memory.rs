//! Memory: the files of a database that lives as long as its page or process.
use super::Layout;
use chronicle_core::engine::Effect;
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::format::SLOT_LEN;
use chronicle_core::ids::Lsn;
use chronicle_core::source::{ByteRange, Source};
use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Memory {
    data: RefCell<Vec<u8>>,
    logs: RefCell<BTreeMap<Lsn, Vec<u8>>>,
}

impl Memory {
    /// Files that exist already.
    pub(crate) fn of(data: Vec<u8>, logs: impl IntoIterator<Item = (Lsn, Vec<u8>)>) -> Self {
        Self { data: RefCell::new(data), logs: RefCell::new(logs.into_iter().collect()) }
    }

    /// All of `data.db`.
    pub(crate) fn data(&self) -> Ref<'_, Vec<u8>> {
        self.data.borrow()
    }

    pub(super) fn len(&self) -> u64 {
        self.data.borrow().len() as u64
    }

    pub(super) fn read(&self, range: ByteRange) -> Result<Vec<u8>> {
        let data = self.data.borrow();
        let mut bytes: &[u8] = &data;
        Ok(bytes.read(range)?.unwrap_or_default().to_vec())
    }

    pub(super) fn layout(&self) -> Layout {
        let logs = self.logs.borrow().iter().map(|(lsn, bytes)| (*lsn, bytes.len() as u64)).collect();
        Layout { len: self.len(), logs }
    }

    pub(super) fn read_log(&self, first_lsn: Lsn, offset: u64) -> Result<Vec<u8>> {
        let logs = self.logs.borrow();
        let bytes = logs.get(&first_lsn).ok_or_else(|| no_log(first_lsn))?;
        Ok(usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default().to_vec())
    }

    pub(super) fn perform(&self, effect: &Effect) -> Result<()> {
        let mut logs = self.logs.borrow_mut();
        match effect {
            Effect::CreateLog { first_lsn, header } => drop(logs.insert(*first_lsn, header.clone())),
            Effect::TruncateLog { first_lsn, len } => {
                logs.get_mut(first_lsn).ok_or_else(|| no_log(*first_lsn))?.truncate(size(*len)?);
            }
            Effect::AppendLog { first_lsn, offset, bytes } => {
                let log = logs.get_mut(first_lsn).ok_or_else(|| no_log(*first_lsn))?;
                overwrite(log, *offset, bytes)?;
            }
            Effect::DropLog { first_lsn } => drop(logs.remove(first_lsn)),
            Effect::WriteData { offset, bytes } => overwrite(&mut self.data.borrow_mut(), *offset, bytes)?,
            Effect::WriteSlot { slot, bytes } => {
                overwrite(&mut self.data.borrow_mut(), u64::from(*slot) * SLOT_LEN as u64, bytes)?;
            }
            Effect::TruncateData { len } => {
                let mut data = self.data.borrow_mut();
                data.truncate(size(*len)?);
                data.shrink_to_fit();
            }
            Effect::SyncLog { .. } | Effect::SyncData => {}
        }
        Ok(())
    }
}

fn size(len: u64) -> Result<usize> {
    usize::try_from(len)
        .map_err(|_| Error::new(ErrorKind::Full, "a database in memory has at most 4 GiB here"))
}

fn overwrite(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> Result<()> {
    let start = size(offset)?;
    let end = size(offset.saturating_add(bytes.len() as u64))?;
    if end > file.len() {
        let more = end - file.len();
        file.try_reserve(more)
            .map_err(|_| Error::new(ErrorKind::Full, "there is no memory left for the database"))?;
        file.resize(end, 0);
    }
    if let Some(place) = file.get_mut(start..end) {
        place.copy_from_slice(bytes);
    }
    Ok(())
}

fn no_log(first_lsn: Lsn) -> Error {
    Error::new(ErrorKind::NotFound, format!("log file {first_lsn} is not there"))
}
