//! Stored: the files of a database in the page's storage (IndexedDB, OPFS), behind a small interface of JavaScript.
use super::Layout;
use crate::error::FromJs;
use chronicle_core::engine::Effect;
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::format::SLOT_LEN;
use chronicle_core::ids::{Generation, Lsn};
use chronicle_core::source::ByteRange;
use js_sys::{Array, BigInt, Uint8Array};
use std::cell::Cell;
use wasm_bindgen::prelude::*;

/// Bytes of effects that are handed over at once: a transaction should neither be tiny nor hold everything.
const GROUP_BYTES: usize = 8 << 20;
/// Largest offset: what a JavaScript number counts exactly.
const OFFSET_MAX: u64 = 1 << 53;

#[wasm_bindgen]
extern "C" {
    /// See `Storage` in `ts/storage/storage.ts`, which is its contract.
    pub type Storage;

    #[wasm_bindgen(method, getter, js_name = unitBytes)]
    fn unit_bytes(this: &Storage) -> f64;

    #[wasm_bindgen(method, catch)]
    async fn layout(this: &Storage) -> core::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn read(this: &Storage, ranges: Vec<f64>) -> core::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = readLog)]
    async fn read_log(this: &Storage, first_lsn: u64, offset: f64) -> core::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn apply(this: &Storage, effects: Array) -> core::result::Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn pins(this: &Storage) -> core::result::Result<JsValue, JsValue>;
}

pub(crate) struct Stored {
    storage: Storage,
    unit_bytes: u64,
    len: Cell<u64>,
}

impl Stored {
    pub(crate) fn new(storage: Storage) -> Self {
        // A size in bytes; the cast saturates.
        let unit_bytes = (storage.unit_bytes() as u64).max(4096);
        Self { storage, unit_bytes, len: Cell::new(0) }
    }

    pub(super) fn len(&self) -> u64 {
        self.len.get()
    }

    pub(super) fn units(&self, range: ByteRange) -> Vec<ByteRange> {
        let mut units = Vec::new();
        let mut start = range.offset / self.unit_bytes * self.unit_bytes;
        while start < range.end() && start < self.len() {
            units.push(ByteRange::new(start, self.unit_bytes.min(self.len() - start)));
            start += self.unit_bytes;
        }
        units
    }

    pub(super) async fn read(&self, units: &[ByteRange]) -> Result<Vec<Vec<u8>>> {
        let ranges = units.iter().flat_map(|unit| [unit.offset as f64, unit.len as f64]).collect();
        let answers = Array::from(&self.storage.read(ranges).await.answered()?);
        let mut read = Vec::with_capacity(units.len());
        for (unit, answer) in units.iter().zip(answers.iter()) {
            let bytes = bytes_of(answer)?;
            if bytes.len() as u64 != unit.len {
                return Err(Error::damaged(format!(
                    "the storage holds {} of the {} bytes at offset {}: a part of it was deleted; restore a backup",
                    bytes.len(),
                    unit.len,
                    unit.offset
                )));
            }
            read.push(bytes);
        }
        Ok(read)
    }

    pub(super) async fn layout(&self) -> Result<Layout> {
        let found = self.storage.layout().await.answered()?;
        let member = |name: &str| js_sys::Reflect::get(&found, &name.into()).answered();
        // Lengths that JavaScript counted; the casts saturate.
        let len = member("len")?.as_f64().unwrap_or(0.0) as u64;
        self.len.set(len);
        let mut logs = Vec::new();
        for log in Array::from(&member("logs")?).iter() {
            let log = Array::from(&log);
            let first_lsn = u64::try_from(BigInt::from(log.get(0))).map_err(|_| bad_answer())?;
            logs.push((first_lsn, log.get(1).as_f64().unwrap_or(0.0) as u64));
        }
        logs.sort_unstable();
        Ok(Layout { len, logs })
    }

    pub(super) async fn read_log(&self, first_lsn: Lsn, offset: u64) -> Result<Vec<u8>> {
        bytes_of(self.storage.read_log(first_lsn, offset as f64).await.answered()?)
    }

    pub(super) async fn pins(&self) -> Result<Vec<Generation>> {
        let pins = Array::from(&self.storage.pins().await.answered()?);
        pins.iter().map(|pin| u64::try_from(BigInt::from(pin)).map_err(|_| bad_answer())).collect()
    }

    pub(super) async fn perform(&self, effects: &[Effect]) -> Result<()> {
        let mut group = Group::default();
        for effect in effects {
            match effect {
                // What comes before a sync is durable before what comes behind it is begun.
                Effect::SyncLog { .. } | Effect::SyncData => self.apply(&mut group).await?,
                Effect::CreateLog { first_lsn, header } => group.push("createLog", *first_lsn, 0, header)?,
                Effect::TruncateLog { first_lsn, len } => group.push("truncateLog", *first_lsn, *len, &[])?,
                Effect::AppendLog { first_lsn, offset, bytes } => {
                    group.push("appendLog", *first_lsn, *offset, bytes)?
                }
                Effect::DropLog { first_lsn } => group.push("dropLog", *first_lsn, 0, &[])?,
                Effect::WriteData { offset, bytes } => {
                    for (index, part) in bytes.chunks(GROUP_BYTES).enumerate() {
                        group.write(offset.saturating_add((index * GROUP_BYTES) as u64), part)?;
                        if group.bytes >= GROUP_BYTES {
                            self.apply(&mut group).await?;
                        }
                    }
                }
                Effect::WriteSlot { slot, bytes } => {
                    group.write(u64::from(*slot) * SLOT_LEN as u64, bytes)?
                }
                Effect::TruncateData { len } => {
                    group.push("truncateData", 0, *len, &[])?;
                    group.cut = Some(*len);
                }
            }
        }
        self.apply(&mut group).await
    }

    async fn apply(&self, group: &mut Group) -> Result<()> {
        let group = core::mem::take(group);
        if group.effects.length() == 0 {
            return Ok(());
        }
        self.storage.apply(group.effects).await.answered()?;
        self.len.set(group.cut.unwrap_or_else(|| self.len().max(group.end)));
        Ok(())
    }
}

/// Effects that are applied as a whole.
#[derive(Default)]
struct Group {
    effects: Array,
    bytes: usize,
    /// Behind the last byte of `data.db` that it writes.
    end: u64,
    cut: Option<u64>,
}

impl Group {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.end = self.end.max(offset.saturating_add(bytes.len() as u64));
        self.push("writeData", 0, offset, bytes)
    }

    fn push(&mut self, kind: &str, first_lsn: Lsn, offset: u64, bytes: &[u8]) -> Result<()> {
        if offset > OFFSET_MAX {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the database is larger than JavaScript can count",
            ));
        }
        let effect = Array::of4(
            &kind.into(),
            &BigInt::from(first_lsn).into(),
            &(offset as f64).into(),
            &Uint8Array::from(bytes).into(),
        );
        self.effects.push(&effect);
        self.bytes = self.bytes.saturating_add(bytes.len());
        Ok(())
    }
}

/// The bytes of a `Uint8Array`.
pub(crate) fn bytes_of(value: JsValue) -> Result<Vec<u8>> {
    value.dyn_into::<Uint8Array>().map(|array| array.to_vec()).map_err(|_| bad_answer())
}

fn bad_answer() -> Error {
    Error::new(ErrorKind::Io, "the storage answered something else than it was asked for")
}
