//! Probe: effects applied to a store of chunks by key, as a browser has it, where only dirty chunks are written.
use chronicle_core::engine::{Effect, Options};
use chronicle_core::format::SLOT_LEN;
use chronicle_tests::simulator::{Clock, SimDb, SimDisk, SimFile, Work, small_options};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const CHUNK: usize = 1 << 20;

/// Files in memory, and behind them what a transaction has put into the store.
#[derive(Default)]
struct ChunkStore {
    files: BTreeMap<String, Vec<u8>>,
    dirty: BTreeSet<(String, usize)>,
    /// The store: chunks by file and number, and the length of each file.
    chunks: BTreeMap<(String, usize), Vec<u8>>,
    lengths: BTreeMap<String, usize>,
    chunks_written: usize,
}

impl ChunkStore {
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        let file = self.files.entry(name.into()).or_default();
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        file.resize(file.len().max(end), 0);
        file[start..end].copy_from_slice(bytes);
        self.dirty.extend((start / CHUNK..=(end - 1) / CHUNK).map(|chunk| (name.into(), chunk)));
    }

    fn truncate(&mut self, name: &str, len: u64) {
        self.files.get_mut(name).unwrap().truncate(len as usize);
        self.dirty.insert((name.into(), len as usize / CHUNK));
    }

    /// One transaction: the dirty chunks of a file and its length.
    fn commit(&mut self, name: &str) {
        let file = &self.files[name];
        for key in self.dirty.extract_if(.., |(dirty, _)| dirty == name) {
            let chunk = file.chunks(CHUNK).nth(key.1).unwrap_or_default();
            self.chunks.insert(key, chunk.to_vec());
            self.chunks_written += 1;
        }
        self.chunks.retain(|(file_name, chunk), _| file_name != name || chunk * CHUNK < file.len());
        self.lengths.insert(name.into(), file.len());
    }

    fn perform(&mut self, effect: &Effect) {
        let log = |first_lsn: &u64| format!("{first_lsn:020}");
        match effect {
            Effect::CreateLog { first_lsn, header } => {
                self.write(&log(first_lsn), 0, header);
                self.commit(&log(first_lsn));
            }
            Effect::TruncateLog { first_lsn, len } => {
                self.truncate(&log(first_lsn), *len);
                self.commit(&log(first_lsn));
            }
            Effect::AppendLog { first_lsn, offset, bytes } => self.write(&log(first_lsn), *offset, bytes),
            Effect::SyncLog { first_lsn } => self.commit(&log(first_lsn)),
            Effect::DropLog { first_lsn } => {
                self.files.remove(&log(first_lsn));
                self.lengths.remove(&log(first_lsn));
                self.chunks.retain(|(name, _), _| *name != log(first_lsn));
            }
            Effect::WriteData { offset, bytes } => self.write("data", *offset, bytes),
            Effect::SyncData => self.commit("data"),
            Effect::WriteSlot { slot, bytes } => {
                self.write("data", u64::from(*slot) * SLOT_LEN as u64, bytes)
            }
            Effect::TruncateData { len } => self.truncate("data", *len),
        }
    }

    /// What the next visit to the page finds.
    fn reopened(&self) -> SimDisk {
        let mut disk = SimDisk::default();
        for (name, &len) in &self.lengths {
            let mut bytes = vec![0; len];
            for ((_, chunk), stored) in self.chunks.iter().filter(|((file, _), _)| file == name) {
                let end = (chunk * CHUNK + stored.len()).min(len);
                bytes[chunk * CHUNK..end].copy_from_slice(&stored[..end - chunk * CHUNK]);
            }
            match name.parse() {
                Ok(first_lsn) => drop(disk.logs.insert(first_lsn, SimFile::durable(bytes))),
                Err(_) => disk.data = SimFile::durable(bytes),
            }
        }
        disk
    }
}

#[test]
fn a_database_lives_in_a_store_of_chunks() {
    let mut db = SimDb::new(Options { log_file_bytes: 3 << 20, ..small_options() }, 1);
    let store = Rc::new(RefCell::new(ChunkStore::default()));
    store.borrow_mut().write("data", 0, db.disk.data.bytes());
    store.borrow_mut().commit("data");
    for (first_lsn, file) in &db.disk.logs {
        store.borrow_mut().write(&format!("{first_lsn:020}"), 0, file.bytes());
        store.borrow_mut().commit(&format!("{first_lsn:020}"));
    }
    let mirror = Rc::clone(&store);
    db.observe(Some(Box::new(move |_, next, _| {
        next.into_iter().for_each(|it| mirror.borrow_mut().perform(it))
    })));
    let mut work = Work::new(1);
    for round in 0..200 {
        let written = store.borrow().chunks_written;
        db.write(&work.batch(400), true);
        let written = store.borrow().chunks_written - written;
        assert!(written <= 3, "a commit wrote {written} chunks");
        if round % 20 == 19 {
            db.seal();
            while db.compact(false) {}
        }
        if round % 40 == 7 {
            let (disk, oracle, clock) = (store.borrow().reopened(), db.oracle.clone(), Clock::new(1));
            let lsn = db.acknowledged;
            let mut again = SimDb::open(disk, oracle, clock, db.options().clone(), lsn, None).unwrap();
            assert_eq!(again.engine.position(), db.engine.position());
            again.check_all();
        }
    }
    assert!(db.disk.data.bytes().len() > 2 * CHUNK / 8 && db.engine.generation() > 5);
}
