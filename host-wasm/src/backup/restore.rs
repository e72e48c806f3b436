//! Restore: a backup, or the files of a database, into a place that holds nothing, as the start of a new epoch.
//!
//! The state is copied, the log behind it is replayed and sealed, and the superblock of the new epoch is the last thing that
//! is written.
use super::history::{History, assemble};
use super::in_place::{check_moment, folder};
use super::objects::Objects;
use crate::bytes::Bytes;
use crate::db::{Db, Options};
use crate::host::random;
use crate::medium::Medium;
use chronicle_core::backup::repository::{Moment, ObjectRange, PointContainer, PointPiece, replay_legs};
use chronicle_core::backup::{DATA_FILE_NAME, restored_identity};
use chronicle_core::engine::Effect;
use chronicle_core::error::{At, Error, ErrorKind, Result};
use chronicle_core::format::HEADER_AREA_LEN;
use chronicle_core::ids::{Epoch, Hash, Lsn};
use chronicle_core::source::{ByteRange, Step};
use std::rc::Rc;

/// Bytes that are copied at once.
const WINDOW: u64 = 4 << 20;

/// What is restored: a repository, a snapshot directory, or the files of a closed database with these logs.
pub(crate) struct Source {
    pub(crate) objects: Rc<Objects>,
    pub(crate) moment: Moment,
    pub(crate) logs: Vec<(Lsn, u64)>,
}

/// Restores into `target`, which must hold nothing; answers the open database. `progress` is told bytes done and of all.
pub(crate) async fn restore(
    source: Source,
    target: Medium,
    options: Options,
    progress: &dyn Fn(u64, u64),
) -> Result<Db> {
    if target.layout().await?.len > 0 {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "a database of this name is there already; choose another name, or delete it first",
        ));
    }
    let Source { objects, moment, logs } = source;
    let options = Options { read_only: false, create: false, ..options };
    let reopened = options.clone();
    let db = if objects.is_repository().await? {
        restore_point(&objects, &moment, target, options, progress).await?
    } else {
        restore_folder(objects, &moment, logs, target, options, progress).await?
    };
    db.check_segments().await?;
    db.seal().await?;
    let (identity, position) = {
        let engine = db.engine.borrow();
        (engine.identity().clone(), engine.position())
    };
    db.begin_epoch(restored_identity(&identity, position, Epoch(random()?))).await?;
    Db::open(db.bytes.medium, reopened).await
}

async fn restore_folder(
    objects: Rc<Objects>,
    moment: &Moment,
    logs: Vec<(Lsn, u64)>,
    target: Medium,
    options: Options,
    progress: &dyn Fn(u64, u64),
) -> Result<Db> {
    let (from, record) = folder(Rc::clone(&objects), logs).await?;
    check_moment(moment, record.as_ref()).at(|| objects.place().to_owned())?;
    let hash = copy_files(&from, &target, progress).await?;
    if let Some(told) =
        record.as_ref().and_then(|record| record.files.first()).filter(|told| told.blake3 != hash)
    {
        return Err(Error::damaged(format!(
            "its BLAKE3 is {hash}, its record says {}: restore another backup",
            told.blake3
        ))
        .at(DATA_FILE_NAME)
        .at(objects.place()));
    }
    let db = Db::open_copy(target, options).await?;
    if let Some(record) = record {
        let end = db.engine.borrow().position();
        record.ends_at(&end).at(|| objects.place().to_owned())?;
    }
    Ok(db)
}

/// Copies a data file and its logs as they are; the superblock slots come last. Answers the BLAKE3 of the data file.
async fn copy_files(from: &Medium, target: &Medium, progress: &dyn Fn(u64, u64)) -> Result<Hash> {
    let layout = from.layout().await?;
    let read = async |range: ByteRange| -> Result<Vec<u8>> {
        Ok(from.fetch(&[range]).await?.pop().unwrap_or_default())
    };
    let header = read(ByteRange::new(0, layout.len.min(HEADER_AREA_LEN))).await?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header);
    let mut at = header.len() as u64;
    while at < layout.len {
        let bytes = read(ByteRange::new(at, WINDOW.min(layout.len - at))).await?;
        hasher.update(&bytes);
        let len = bytes.len() as u64;
        target.perform(&[Effect::WriteData { offset: at, bytes }]).await?;
        at += len;
        progress(at, layout.len);
    }
    for &(first_lsn, _) in &layout.logs {
        let header = from.read_log(first_lsn, 0).await?;
        target.perform(&[Effect::CreateLog { first_lsn, header }]).await?;
    }
    target.perform(&[Effect::WriteData { offset: 0, bytes: header }]).await?;
    Ok(Hash(*hasher.finalize().as_bytes()))
}

async fn restore_point(
    objects: &Objects,
    moment: &Moment,
    target: Medium,
    options: Options,
    progress: &dyn Fn(u64, u64),
) -> Result<Db> {
    let (history, from) = History::find(objects, moment).await?;
    let lists = objects.lists(&from.start).await?;
    let container =
        PointContainer::new(&from.start, &lists, &history.moves).at(|| objects.place().to_owned())?;
    let legs = assemble(objects, &from.start, &from.legs).await?;
    let (mut at, total) = (0, container.file_len());
    for piece in container.pieces() {
        let len = piece.len();
        match piece {
            // The slots come with the end of the restore.
            PointPiece::Bytes(bytes) if at >= HEADER_AREA_LEN => {
                target.perform(&[Effect::WriteData { offset: at, bytes: bytes.to_vec() }]).await?;
            }
            PointPiece::Bytes(_) | PointPiece::Zeros(_) => {}
            PointPiece::Object(ObjectRange { object, range }) => {
                let mut done = 0;
                while done < range.len {
                    let part = ByteRange::new(range.offset + done, WINDOW.min(range.len - done));
                    let mut read = objects.ranges(&[(object.to_string(), part)]).await?;
                    let bytes = read.pop().unwrap_or_default();
                    target.perform(&[Effect::WriteData { offset: at + done, bytes }]).await?;
                    done += part.len;
                    progress(at + done, total);
                }
            }
        }
        at += len;
    }
    let seed = u64::from_le_bytes(random()?);
    let mut opening = container.opening(options.engine(seed))?;
    let bytes = Bytes::new(target, options.cache_bytes);
    bytes.medium.layout().await?;
    match opening.step(&mut container.source(&mut super::in_place::NoObjects))? {
        Step::Ready(()) => {}
        Step::Missing(_) | Step::Done => return Err(Error::damaged("its catalog is not whole")),
    }
    let mut engine = opening.into_engine(&[], container.file_len())?;
    let end = replay_legs(&mut engine, &legs).at(|| objects.place().to_owned())?;
    if let Some(told) = history.told(&from.at).filter(|told| told.point.chain != end.chain) {
        return Err(Error::damaged("its commits are not those that its record names")
            .at(told.entry)
            .at(objects.place()));
    }
    Ok(Db::new(engine, bytes, options, None))
}
