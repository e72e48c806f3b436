//! Reading in place: a database over the objects of a backup, of which only what is asked for is fetched.
use super::history::{History, assemble};
use super::objects::Objects;
use crate::bytes::Bytes;
use crate::db::{Db, Options};
use crate::host::random;
use crate::medium::{Layout, Medium};
use chronicle_core::backup::repository::{
    Entry, Moment, ObjectRange, ObjectSource, Place, PointContainer, replay_legs,
};
use chronicle_core::backup::{DATA_FILE_NAME, RECORD_FILE_NAME, RECORD_LEN_MAX, SnapshotRecord};
use chronicle_core::error::{At, Error, ErrorKind, Result};
use chronicle_core::format::parse_log_file_name;
use chronicle_core::ids::Lsn;
use chronicle_core::source::{ByteRange, Step};
use chronicle_core::time::format_timestamp;
use std::rc::Rc;

/// What is fetched at a time: a whole number of these from where a segment or a file starts.
const UNIT_BYTES: u64 = 64 << 10;
/// Neighbours are fetched as one, up to this.
const REQUEST_BYTES_MAX: u64 = 4 << 20;

/// The files of a backup that is read where it lies.
pub(crate) struct InPlace {
    objects: Rc<Objects>,
    files: Files,
}

enum Files {
    /// A folder with a whole database.
    Folder { len: u64, logs: Vec<(Lsn, u64)> },
    /// A point of a repository, with where its segments lie in it, ascending.
    Point { container: Box<PointContainer>, extents: Vec<ByteRange> },
}

/// A backup that is open.
pub(crate) struct OpenBackup {
    pub(crate) db: Db,
    /// The point whose lists it starts from; `None` of a folder.
    pub(crate) start: Option<Entry>,
    /// Commit time of the newest point's last commit, Unix ns.
    pub(crate) newest_commit_time_ns: Option<i64>,
}

impl InPlace {
    fn new(objects: &Rc<Objects>, files: Files) -> Self {
        Self { objects: Rc::clone(objects), files }
    }

    pub(crate) fn len(&self) -> u64 {
        match &self.files {
            Files::Folder { len, .. } => *len,
            Files::Point { container, .. } => container.file_len(),
        }
    }

    pub(crate) fn layout(&self) -> Result<Layout> {
        match &self.files {
            Files::Folder { len, logs } => Ok(Layout { len: *len, logs: logs.clone() }),
            Files::Point { .. } => {
                Err(Error::new(ErrorKind::ReadOnly, "a point of a repository has no files of its own"))
            }
        }
    }

    pub(crate) async fn read_log(&self, first_lsn: Lsn, offset: u64) -> Result<Vec<u8>> {
        let logs = self.layout()?.logs;
        let found = logs.iter().find(|(lsn, _)| *lsn == first_lsn);
        let (_, len) = found
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("log file {first_lsn} is not there")))?;
        let range = ByteRange::new(offset, len.saturating_sub(offset));
        let mut read = self.objects.ranges(&[(log_name(first_lsn), range)]).await?;
        Ok(read.pop().unwrap_or_default())
    }

    /// See [`Medium::units`].
    pub(crate) fn units(&self, range: ByteRange) -> Result<Vec<ByteRange>> {
        let extent = match &self.files {
            Files::Folder { len, .. } => ByteRange::new(0, *len),
            Files::Point { extents, .. } => {
                let after = extents.partition_point(|extent| extent.offset <= range.offset);
                let extent = after.checked_sub(1).and_then(|index| extents.get(index));
                match extent.filter(|extent| range.end() <= extent.end()) {
                    Some(extent) => *extent,
                    // A page of the catalog, which is at hand.
                    None => return Ok(vec![range]),
                }
            }
        };
        let mut start = range.offset.saturating_sub(extent.offset) / UNIT_BYTES * UNIT_BYTES;
        let mut units = Vec::new();
        while extent.offset + start < range.end() {
            units.push(ByteRange::new(extent.offset + start, UNIT_BYTES.min(extent.len - start)));
            start += UNIT_BYTES;
        }
        Ok(units)
    }

    pub(crate) async fn fetch(&self, units: &[ByteRange]) -> Result<Vec<Vec<u8>>> {
        let mut read: Vec<Vec<u8>> = units.iter().map(|_| Vec::new()).collect();
        let mut requests: Vec<(String, ByteRange)> = Vec::new();
        // For each unit that has to be fetched: which request brings it, and from where in that.
        let mut parts: Vec<(usize, usize, u64)> = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            let (name, range) = match &self.files {
                Files::Folder { .. } => (DATA_FILE_NAME.to_owned(), *unit),
                Files::Point { container, .. } => match container.find(*unit)? {
                    Place::Here(bytes) => {
                        if let Some(slot) = read.get_mut(index) {
                            *slot = bytes.to_vec();
                        }
                        continue;
                    }
                    Place::There(ObjectRange { object, range }) => (object.to_string(), range),
                },
            };
            let follows = |(last, before): &&mut (String, ByteRange)| {
                *last == name && before.end() == range.offset && before.len + range.len <= REQUEST_BYTES_MAX
            };
            let last = requests.len().saturating_sub(1);
            match requests.last_mut().filter(follows) {
                Some((_, before)) => {
                    parts.push((index, last, before.len));
                    before.len += range.len;
                }
                None => {
                    parts.push((index, requests.len(), 0));
                    requests.push((name, range));
                }
            }
        }
        let answers = self.objects.ranges(&requests).await?;
        for (index, request, skip) in parts {
            let unit = units.get(index).map_or(0, |unit| unit.len);
            let bounds = usize::try_from(skip).ok().zip(usize::try_from(skip + unit).ok());
            let bytes =
                answers.get(request).zip(bounds).and_then(|(bytes, (start, end))| bytes.get(start..end));
            if let (Some(slot), Some(bytes)) = (read.get_mut(index), bytes) {
                *slot = bytes.to_vec();
            }
        }
        Ok(read)
    }
}

pub(super) fn log_name(first_lsn: Lsn) -> String {
    format!("{DATA_FILE_NAME}{}", chronicle_core::format::log_file_name(first_lsn))
}

/// Opens what lies at a place, as of a moment: a repository, a snapshot directory, or the files of a closed database.
/// `logs` are the log files beside a bare `data.db`.
pub(crate) async fn open(
    objects: Rc<Objects>,
    moment: &Moment,
    options: Options,
    logs: Vec<(Lsn, u64)>,
) -> Result<OpenBackup> {
    let options = Options { read_only: true, create: false, ..options };
    if objects.is_repository().await? {
        return open_point(objects, moment, options).await;
    }
    let place = || objects.place().to_owned();
    let (medium, record) = folder(Rc::clone(&objects), logs).await?;
    check_moment(moment, record.as_ref()).at(place)?;
    let db = Db::open(medium, options).await.at(place)?;
    if let Some(record) = &record {
        // A snapshot is what its record says, or it is damaged: a log that lost its end looks whole by itself.
        let end = db.engine.borrow().position();
        record.ends_at(&end).at(place)?;
    }
    Ok(OpenBackup { db, start: None, newest_commit_time_ns: record.map(|record| record.commit_time_ns) })
}

/// The files of a snapshot directory, with its record, or of a closed database.
pub(crate) async fn folder(
    objects: Rc<Objects>,
    logs: Vec<(Lsn, u64)>,
) -> Result<(Medium, Option<SnapshotRecord>)> {
    let record = objects.get(RECORD_FILE_NAME, RECORD_LEN_MAX).await?;
    let record =
        record.map(|bytes| SnapshotRecord::parse(&bytes).at(|| objects.place().to_owned())).transpose()?;
    let files = match &record {
        Some(record) => {
            let log = |name: &str| parse_log_file_name(name.strip_prefix(DATA_FILE_NAME)?);
            let logs = record.files.iter().filter_map(|file| Some((log(&file.name)?, file.len))).collect();
            Files::Folder { len: record.files.first().map_or(0, |file| file.len), logs }
        }
        None => {
            let len = objects.len_of(DATA_FILE_NAME).await?;
            let len = len.filter(|len| *len > 0).ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    "there is no backup here: neither a repository (claims/0), nor a snapshot (metadata.json), nor a data.db; give the address of the folder itself",
                )
                .at(objects.place())
            })?;
            Files::Folder { len, logs }
        }
    };
    Ok((Medium::InPlace(Box::new(InPlace::new(&objects, files))), record))
}

/// A snapshot has one moment.
pub(super) fn check_moment(moment: &Moment, record: Option<&SnapshotRecord>) -> Result<()> {
    let told = match (moment, record) {
        (Moment::Latest, _) => return Ok(()),
        (Moment::Lsn { lsn, .. }, Some(record)) if *lsn == record.lsn => return Ok(()),
        (Moment::CommitTime { time_ns, .. }, Some(record))
            if record.commit_time_ns <= *time_ns && *time_ns <= record.complete_until_ns =>
        {
            return Ok(());
        }
        (_, Some(record)) => format!("LSN {}, {}", record.lsn, format_timestamp(record.commit_time_ns)),
        (_, None) => "that at which it was copied; leave `at` out".to_owned(),
    };
    Err(Error::new(ErrorKind::NotRestorable, format!("it has one moment only: {told}")))
}

async fn open_point(objects: Rc<Objects>, moment: &Moment, options: Options) -> Result<OpenBackup> {
    let (history, from) = History::find(&objects, moment).await?;
    let lists = objects.lists(&from.start).await?;
    let container =
        PointContainer::new(&from.start, &lists, &history.moves).at(|| objects.place().to_owned())?;
    let seed = u64::from_le_bytes(random()?);
    let mut opening = container.opening(options.engine(seed))?;
    match opening.step(&mut container.source(&mut NoObjects))? {
        Step::Ready(()) => {}
        Step::Missing(_) | Step::Done => return Err(Error::damaged("its catalog is not whole")),
    }
    let mut engine = opening.into_engine(&[], container.file_len())?;
    let legs = assemble(&objects, &from.start, &from.legs).await?;
    let end = replay_legs(&mut engine, &legs).at(|| objects.place().to_owned())?;
    if let Some(told) = history.told(&from.at).filter(|told| told.point.chain != end.chain) {
        return Err(Error::damaged("its commits are not those that its record names")
            .at(told.entry)
            .at(objects.place()));
    }
    let extents = container.segments().map(|(entry, _)| entry.extent()).collect();
    let files = Files::Point { container: Box::new(container), extents };
    let bytes = Bytes::new(Medium::InPlace(Box::new(InPlace::new(&objects, files))), options.cache_bytes);
    Ok(OpenBackup {
        db: Db::new(engine, bytes, options, None),
        start: Some(from.start.entry),
        newest_commit_time_ns: history.timeline.newest().map(|newest| newest.point.commit_time_ns),
    })
}

/// The catalog's pages are at hand; whoever asks for more while it is read is wrong.
pub(super) struct NoObjects;

impl ObjectSource for NoObjects {
    fn read(&mut self, _: &ObjectRange) -> Result<Option<&[u8]>> {
        Err(Error::new(ErrorKind::Io, "a catalog does not lie in objects"))
    }
}
