//! Objects as files of a WebDAV server. What it keeps true: an object has its name only when it is whole (it is sent under another
//! one and moved); a folder is never deleted for an object. WebDAV has no create-only that servers agree on, so it claims none.
mod multistatus;

use chronicle_plugin::http::{Response, Server, Upload, failure};
use chronicle_plugin::{
    Capabilities, Description, Error, ErrorKind, Leftover, ObjectMeta, Page, Plugin, PutOptions, Reader,
    Result, Setting, SettingKind, Settings, Wishes, Writer, tree,
};
use multistatus::Found;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Longest listing of one folder, bytes.
const LISTING_BYTES_MAX: usize = 24 << 20;

struct WebDav {
    server: Server,
    /// Folders that were made or seen, so that a put does not ask for each again.
    folders: RefCell<BTreeSet<String>>,
}

chronicle_plugin::export!(WebDav);

struct Part {
    server: Server,
    upload: Option<Upload>,
    name: String,
    partial: String,
    size: u64,
}

struct Range {
    response: Option<Response>,
    size: u64,
    left: u64,
}

impl Plugin for WebDav {
    type Writer = Part;
    type Reader = Range;

    fn describe() -> Description {
        Description {
            name: "webdav",
            version: env!("CARGO_PKG_VERSION"),
            summary: "backups on a WebDAV server",
            settings: vec![Setting {
                name: "url",
                kind: SettingKind::Text,
                required: true,
                help: "http(s)://host[:port]/path, without a password: have that added by --header HOST=authorization=env:VAR",
            }],
            wishes: Wishes { network: true, ..Wishes::default() },
        }
    }

    fn open(settings: &Settings) -> Result<Self> {
        let url = settings.get("url").unwrap_or_default();
        let server = Server::parse(url).ok_or_else(|| {
            Error::config("url", "it is http(s)://host[:port]/path, without password, ? and #")
        })?;
        Ok(Self { server, folders: RefCell::default() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { create_only: false, leftovers: true, max_object: None, max_instances: 4 }
    }

    fn stat(&self, name: &str) -> Result<ObjectMeta> {
        let found = self.find(&encoded(name), "0")?.into_iter().find(|found| !found.is_folder);
        let size = found.and_then(|found| found.size).ok_or_else(absent)?;
        Ok(ObjectMeta { name: name.to_owned(), size })
    }

    fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page> {
        let mut page = Page::default();
        tree::walk(
            prefix,
            cursor.unwrap_or_default(),
            &mut |folder| self.entries(folder),
            &mut |name, size| {
                if tree::job_of(&name).is_some() {
                    return Ok(true);
                }
                if page.objects.len() == limit {
                    page.next = page.objects.last().map(|last| last.name.clone());
                    return Ok(false);
                }
                page.objects.push(ObjectMeta { name, size });
                Ok(true)
            },
        )?;
        Ok(page)
    }

    fn delete(&self, name: &str) -> Result<()> {
        // A DELETE of a folder takes everything below it: only what is an object is deleted.
        match self.stat(name) {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            stat => stat?,
        };
        let response = self.server.send("DELETE", &encoded(name), &[])?;
        match response.status {
            200 | 204 | 404 => Ok(()),
            _ => Err(failure(&response, "DELETE")),
        }
    }

    fn put(&self, name: &str, options: PutOptions) -> Result<Part> {
        self.make_folders(name)?;
        let partial = tree::partial(name, &options.job);
        let upload = self.server.start("PUT", &encoded(&partial), &[], options.size)?;
        Ok(Part {
            server: self.server.clone(),
            upload: Some(upload),
            name: name.to_owned(),
            partial,
            size: options.size,
        })
    }

    fn get(&self, name: &str, offset: u64, len: Option<u64>) -> Result<Range> {
        let nothing = |size| Ok(Range { response: None, size, left: 0 });
        let wanted = len.map(|len| offset.saturating_add(len));
        if wanted == Some(offset) {
            return nothing(self.stat(name)?.size);
        }
        let range = match wanted {
            Some(end) => format!("bytes={offset}-{}", end - 1),
            None => format!("bytes={offset}-"),
        };
        // A whole object is asked for without a range: an empty one has none.
        let whole = offset == 0 && len.is_none();
        let headers = [("range", range.as_str())];
        let response = self.server.send("GET", &encoded(name), if whole { &[] } else { &headers })?;
        let lying = |what: &str| Error::new(ErrorKind::Integrity, format!("GET: {what}"));
        match response.status {
            200 if whole => {
                let size = response.header("content-length").and_then(|value| value.parse().ok());
                let size = size.ok_or_else(|| lying("the server does not say how long it is"))?;
                Ok(Range { response: Some(response), size, left: size })
            }
            206 => {
                let (start, end, size) = response
                    .header("content-range")
                    .and_then(content_range)
                    .ok_or_else(|| lying("the server does not say which range it sends"))?;
                let expected = wanted.unwrap_or(size).min(size);
                if start != offset || end.checked_add(1) != Some(expected) {
                    return Err(lying("the server sends another range"));
                }
                Ok(Range { response: Some(response), size, left: expected - offset })
            }
            416 => nothing(self.stat(name)?.size),
            200 => Err(Error::new(ErrorKind::Unsupported, "GET: this server can't read ranges")),
            401 | 403 => Err(failure(&response, "GET")),
            // Servers answer a GET of a folder in many ways: what is no object is absent.
            _ => self.stat(name).and(Err(failure(&response, "GET"))),
        }
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        let mut found = Vec::new();
        tree::walk(prefix, "", &mut |folder| self.entries(folder), &mut |id, size| {
            if let Some(job) = tree::job_of(&id).map(str::to_owned) {
                found.push(Leftover { id, job, size });
            }
            Ok(true)
        })?;
        Ok(found)
    }

    fn remove_leftover(&self, id: &str) -> Result<()> {
        match tree::job_of(id) {
            Some(_) => self.delete(id),
            None => Err(Error::new(ErrorKind::InvalidArgument, format!("{id} is no leftover"))),
        }
    }
}

impl WebDav {
    /// What is at a path, and with depth 1 in it. Nothing where it is not there.
    fn find(&self, path: &str, depth: &str) -> Result<Vec<Found>> {
        let mut response = self.server.send("PROPFIND", path, &[("depth", depth)])?;
        match response.status {
            207 => Ok(multistatus::parse(&response.text(LISTING_BYTES_MAX)?)),
            404 => Ok(Vec::new()),
            _ => Err(failure(&response, "PROPFIND")),
        }
    }

    /// What is in a folder, which is empty or ends with a slash.
    fn entries(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let mut entries = Vec::new();
        for found in self.find(&encoded(folder), "1")? {
            let below = found.path.strip_prefix(self.server.path()).and_then(|path| path.strip_prefix('/'));
            let Some(name) = below else { continue };
            // The folder itself is in its own listing; nothing but its direct children is expected beside.
            let child = name.strip_prefix(folder).filter(|child| !child.is_empty() && !child.contains('/'));
            match (child, found.is_folder, found.size) {
                (None, ..) => {}
                (Some(_), true, _) => entries.push((format!("{name}/"), 0)),
                (Some(_), false, Some(size)) => entries.push((name.to_owned(), size)),
                (Some(_), false, None) => {
                    return Err(Error::new(ErrorKind::Integrity, "PROPFIND: a file without a length"));
                }
            }
        }
        Ok(entries)
    }

    fn make_folders(&self, name: &str) -> Result<()> {
        // The last folder of the URL's own path is made, too.
        let own = (!self.server.path().is_empty()).then_some("");
        for folder in own.into_iter().chain(name.match_indices('/').map(|(at, _)| &name[..at])) {
            if self.folders.borrow().contains(folder) {
                continue;
            }
            let response = self.server.send("MKCOL", &encoded(folder), &[])?;
            match response.status {
                // 405: it is there.
                200 | 201 | 405 => drop(self.folders.borrow_mut().insert(folder.to_owned())),
                _ => return Err(failure(&response, "MKCOL")),
            }
        }
        Ok(())
    }
}

impl Writer for Part {
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.upload.as_mut().map_or(Ok(()), |upload| upload.write(chunk))
    }

    fn finish(&mut self) -> Result<ObjectMeta> {
        let Some(upload) = self.upload.take() else {
            return Err(Error::new(ErrorKind::InvalidArgument, "it was finished before"));
        };
        let response = upload.finish()?;
        if !matches!(response.status, 200 | 201 | 204) {
            return Err(failure(&response, "PUT"));
        }
        let target = self.server.url(&encoded(&self.name));
        let headers = [("destination", target.as_str()), ("overwrite", "T")];
        let response = self.server.send("MOVE", &encoded(&self.partial), &headers)?;
        match response.status {
            200 | 201 | 204 => Ok(ObjectMeta { name: self.name.clone(), size: self.size }),
            _ => Err(failure(&response, "MOVE")),
        }
    }

    fn abort(&mut self) {
        self.upload = None;
        // What can't be removed is found by `leftovers`.
        let _ = self.server.send("DELETE", &encoded(&self.partial), &[]);
    }
}

impl Reader for Range {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(max);
        let Some(response) = self.response.as_mut().filter(|_| step > 0) else { return Ok(Vec::new()) };
        let bytes = response.read(step)?;
        self.left -= bytes.len() as u64;
        if bytes.is_empty() {
            return Err(Error::new(ErrorKind::Transient, "GET: the answer broke off"));
        }
        Ok(bytes)
    }
}

fn absent() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such object")
}

/// `bytes 0-9/100` as its three numbers.
fn content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    Some((start.parse().ok()?, end.parse().ok()?, size.parse().ok()?))
}

/// A name as the path of a URL, with a slash before it.
fn encoded(name: &str) -> String {
    let mut path = String::with_capacity(name.len() + 1);
    path.push('/');
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                path.push(char::from(byte))
            }
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}
