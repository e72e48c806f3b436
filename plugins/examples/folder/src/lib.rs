//! Objects as files of the granted folder `/store`. What it keeps true: a file has its final name only when it is whole
//! and synced; of several creators one link wins; a listing never shows what is being written.
mod listing;

use chronicle_plugin::{
    Capabilities, Description, Error, ErrorKind, Folder, Leftover, ObjectMeta, Page, Plugin, PutMode,
    PutOptions, Reader, Result, Settings, Wishes, Writer, tree,
};
use std::fs::{self, File};
use std::io::{ErrorKind as Io, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const ROOT: &str = "/store";

struct FolderPlugin;

chronicle_plugin::export!(FolderPlugin);

struct Part {
    name: String,
    file: File,
    partial: PathBuf,
    target: PathBuf,
    options: PutOptions,
    written: u64,
}

struct Range {
    file: File,
    size: u64,
    left: u64,
}

impl Plugin for FolderPlugin {
    type Writer = Part;
    type Reader = Range;

    fn describe() -> Description {
        Description {
            name: "folder",
            version: env!("CARGO_PKG_VERSION"),
            summary: "backups in a folder of this machine",
            settings: Vec::new(),
            wishes: Wishes {
                folders: vec![Folder {
                    name: "store",
                    writable: true,
                    required: true,
                    why: "the backups are kept there",
                }],
                ..Wishes::default()
            },
        }
    }

    fn open(_: &Settings) -> Result<Self> {
        Ok(Self)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { create_only: true, leftovers: true, max_object: None, max_instances: 8 }
    }

    fn stat(&self, name: &str) -> Result<ObjectMeta> {
        match fs::metadata(path(name)?) {
            Ok(about) if about.is_file() => Ok(ObjectMeta { name: name.to_owned(), size: about.len() }),
            // A folder of that name, or an object where a folder would have to be.
            Ok(_) => Err(absent()),
            Err(error) if error.kind() == Io::NotADirectory => Err(absent()),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page> {
        listing::page(prefix, cursor, limit)
    }

    fn delete(&self, name: &str) -> Result<()> {
        match fs::remove_file(path(name)?) {
            Err(error) if error.kind() == Io::NotFound || error.kind() == Io::NotADirectory => return Ok(()),
            result => result?,
        }
        sync_folders(name)?;
        remove_empty_folders(name)
    }

    fn put(&self, name: &str, options: PutOptions) -> Result<Part> {
        let target = path(name)?;
        if options.mode == PutMode::CreateOnly && target.exists() {
            return Err(Error::new(ErrorKind::AlreadyExists, "an object of that name is there"));
        }
        let partial = path(&tree::partial(name, &options.job))?;
        // One that an interrupted put left may be the object itself under a second name: it is never written to.
        remove(&partial)?;
        let file = create(&partial)?;
        Ok(Part { name: name.to_owned(), file, partial, target, options, written: 0 })
    }

    fn get(&self, name: &str, offset: u64, len: Option<u64>) -> Result<Range> {
        self.stat(name)?;
        let mut file = File::open(path(name)?)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(offset.min(size)))?;
        let left = size.saturating_sub(offset).min(len.unwrap_or(u64::MAX));
        Ok(Range { file, size, left })
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        listing::leftovers(prefix)
    }

    fn remove_leftover(&self, id: &str) -> Result<()> {
        match tree::job_of(id) {
            Some(_) => remove(&path(id)?),
            None => Err(Error::new(ErrorKind::InvalidArgument, format!("{id} is no leftover"))),
        }
    }
}

impl Writer for Part {
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.file.write_all(chunk)?;
        self.written += chunk.len() as u64;
        Ok(())
    }

    fn finish(&mut self) -> Result<ObjectMeta> {
        if self.written != self.options.size {
            let message = format!("{} bytes came of {}", self.written, self.options.size);
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        self.file.sync_all()?;
        match self.options.mode {
            PutMode::Overwrite => fs::rename(&self.partial, &self.target)?,
            PutMode::CreateOnly => {
                fs::hard_link(&self.partial, &self.target)?;
                remove(&self.partial)?;
            }
        }
        sync_folders(&self.name)?;
        Ok(ObjectMeta { name: self.name.clone(), size: self.written })
    }

    fn abort(&mut self) {
        // What can't be removed is found by `leftovers`.
        let _ = remove(&self.partial);
    }
}

impl Reader for Range {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(max);
        let mut bytes = vec![0; step];
        let mut filled = 0;
        while filled < step {
            match self.file.read(&mut bytes[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        self.left -= filled as u64;
        Ok(bytes)
    }
}

/// Where an object lies. The host checks names, and so does whoever lets a name become a path.
fn path(name: &str) -> Result<PathBuf> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\0', '\\']);
    match name.split('/').all(plain) {
        true => Ok(Path::new(ROOT).join(name)),
        false => Err(Error::new(ErrorKind::InvalidArgument, format!("{name:?} is no name of an object"))),
    }
}

fn absent() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such object")
}

/// Makes a file and the folders above it. Whoever deletes the last object of a folder removes the folder, so more than one try may
/// be needed.
fn create(path: &Path) -> Result<File> {
    for _ in 0..100 {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match File::create_new(path) {
            Err(error) if error.kind() == Io::NotFound => {}
            result => return Ok(result?),
        }
    }
    Err(Error::new(ErrorKind::Transient, "the folder is removed again and again"))
}

/// Removes the folders above an object that is gone, as long as they are empty.
fn remove_empty_folders(name: &str) -> Result<()> {
    let mut folder = path(name)?;
    while folder.pop() && folder.parent().is_some_and(|above| above.starts_with(ROOT)) {
        if fs::remove_dir(&folder).is_err() {
            break;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != Io::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Makes the names on the way to an object durable, from its folder up to the root.
fn sync_folders(name: &str) -> Result<()> {
    let mut folder = path(name)?;
    while folder.pop() && folder.starts_with(ROOT) {
        File::open(&folder)?.sync_all()?;
    }
    Ok(())
}
