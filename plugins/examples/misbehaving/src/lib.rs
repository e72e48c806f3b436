//! A memory destination that breaks the contract in the way that its setting `way` names, where its setting `at` says. The
//! tests of the host load it: each way must end as a named error, in bounded time, with nothing else harmed.
use chronicle_plugin::{
    Capabilities, Description, Error, ErrorKind, Folder, Level, ObjectMeta, Page, Plugin, PutMode,
    PutOptions, Reader, Result, SecretWish, Setting, SettingKind, Settings, Wishes, Writer, log, secret,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

type Objects = Rc<RefCell<BTreeMap<String, Vec<u8>>>>;

struct Misbehaving {
    objects: Objects,
    way: String,
    at: String,
    address: String,
}

chronicle_plugin::export!(Misbehaving);

struct Part {
    objects: Objects,
    name: String,
    bytes: Vec<u8>,
    mode: PutMode,
    way: String,
}

struct Range {
    size: u64,
    bytes: Vec<u8>,
    way: String,
}

impl Misbehaving {
    /// What is done wrong at a call, before the call does what it should.
    fn misbehave(&self, at: &str) -> Result<()> {
        if self.at != at {
            return Ok(());
        }
        match self.way.as_str() {
            "panic" => panic!("this plugin panics on purpose"),
            // Once for each folder /state: a plugin that dies and comes back.
            "panic-once" if std::fs::File::create_new("/state/was-here").is_ok() => {
                panic!("this plugin panics once")
            }
            "spin" => loop {
                std::hint::black_box(());
            },
            "allocate" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                    std::hint::black_box(&all);
                }
            }
            "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
            "leak" => {
                let mut files = Vec::new();
                loop {
                    match std::fs::File::open("/state/leaked") {
                        Ok(file) => files.push(file),
                        Err(error) => {
                            let message = format!("{} files: {error}", files.len());
                            std::mem::forget(files);
                            return Err(Error::new(ErrorKind::Other, message));
                        }
                    }
                }
            }
            "flood" => {
                let line = "flood ".repeat(200);
                for _ in 0..20_000 {
                    log(Level::Error, &line);
                    eprintln!("{line}");
                }
            }
            "host" => {
                let stream = std::net::TcpStream::connect(self.address.as_str())?;
                return Err(Error::new(ErrorKind::Other, format!("connected: {stream:?}")));
            }
            // A request to the host that `address` names; the answer's status comes back as the message.
            "http" => {
                let message = match ask(&self.address) {
                    Ok(status) => format!("status {status}"),
                    Err(error) => format!("no answer: {error}"),
                };
                return Err(Error::new(ErrorKind::Other, message));
            }
            "file" => {
                for path in ["/etc/hostname", "/state/../../etc/hostname", "etc/hostname", "/"] {
                    if let Ok(found) = std::fs::metadata(path) {
                        return Err(Error::new(ErrorKind::Other, format!("seen: {path} {found:?}")));
                    }
                }
                return Err(Error::new(ErrorKind::Permission, "no file is seen"));
            }
            "secret" => {
                let seen = secret("password").or_else(|| std::env::vars().next().map(|(name, _)| name));
                return Err(match seen {
                    Some(secret) => Error::new(ErrorKind::Other, format!("seen: {secret}")),
                    None => Error::new(ErrorKind::Permission, "no secret is seen"),
                });
            }
            "exit" => std::process::exit(0),
            "recurse" => {
                fn deeper(depth: u64) -> u64 {
                    std::hint::black_box(if depth == u64::MAX { 0 } else { deeper(depth + 1) + 1 })
                }
                std::hint::black_box(deeper(0));
            }
            "transient" => {
                return Err(Error {
                    retry_after_ms: Some(10),
                    ..Error::new(ErrorKind::Transient, "the store is busy\u{1b}[2J")
                });
            }
            _ => {}
        }
        Ok(())
    }
}

impl Plugin for Misbehaving {
    type Writer = Part;
    type Reader = Range;

    fn describe() -> Description {
        let setting = |name, required, help| Setting { name, kind: SettingKind::Text, required, help };
        Description {
            name: "misbehaving",
            version: env!("CARGO_PKG_VERSION"),
            summary: "breaks the contract on purpose",
            settings: vec![
                setting("way", true, "what it does wrong"),
                setting("at", false, "where: open, stat, list, delete, put or get"),
                setting("address", false, "host and port, for the way `http`"),
                Setting {
                    name: "size",
                    kind: SettingKind::Number,
                    required: false,
                    help: "a number, for checks of settings",
                },
            ],
            wishes: Wishes {
                network: true,
                secrets: vec![SecretWish {
                    name: "password",
                    required: false,
                    why: "it tells it to everybody",
                }],
                folders: vec![Folder {
                    name: "state",
                    writable: true,
                    required: false,
                    why: "it leaves a mark there",
                }],
                ..Wishes::default()
            },
        }
    }

    fn open(settings: &Settings) -> Result<Self> {
        let way = settings.get("way").unwrap_or_default().to_owned();
        if way.is_empty() {
            return Err(Error::config("way", "a way is needed"));
        }
        let at = settings.get("at").unwrap_or("put").to_owned();
        let address = settings.get("address").unwrap_or_default().to_owned();
        let this = Self { objects: Rc::default(), way, at, address };
        this.misbehave("open")?;
        Ok(this)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { create_only: true, leftovers: false, max_object: None, max_instances: 1 }
    }

    fn stat(&self, name: &str) -> Result<ObjectMeta> {
        self.misbehave("stat")?;
        let objects = self.objects.borrow();
        let bytes = objects.get(name).ok_or_else(absent)?;
        Ok(ObjectMeta { name: name.to_owned(), size: bytes.len() as u64 })
    }

    fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page> {
        self.misbehave("list")?;
        let objects = self.objects.borrow();
        let after = cursor.unwrap_or_default();
        let named = |name: &str, size: usize| ObjectMeta { name: name.to_owned(), size: size as u64 };
        if self.way == "list-elsewhere" {
            return Ok(Page { objects: vec![named("../../etc/passwd", 1)], next: None });
        }
        if self.way == "list-flood" {
            let many = (0..=limit).map(|number| named(&format!("{prefix}{number:09}"), 1)).collect();
            return Ok(Page { objects: many, next: None });
        }
        let mut found = objects.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
        let page: Vec<_> = found.by_ref().take(limit).map(|(name, bytes)| named(name, bytes.len())).collect();
        let next = found.next().and(page.last().map(|last| last.name.clone()));
        Ok(Page { objects: page, next })
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.misbehave("delete")?;
        self.objects.borrow_mut().remove(name);
        Ok(())
    }

    fn put(&self, name: &str, options: PutOptions) -> Result<Part> {
        self.misbehave("put")?;
        Ok(Part {
            objects: self.objects.clone(),
            name: name.to_owned(),
            bytes: Vec::new(),
            mode: options.mode,
            way: self.way.clone(),
        })
    }

    fn get(&self, name: &str, offset: u64, len: Option<u64>) -> Result<Range> {
        self.misbehave("get")?;
        let objects = self.objects.borrow();
        let bytes = objects.get(name).ok_or_else(absent)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let len = len.map_or(usize::MAX, |len| usize::try_from(len).unwrap_or(usize::MAX));
        let end = start.saturating_add(len).min(bytes.len());
        Ok(Range { size: bytes.len() as u64, bytes: bytes[start..end].to_vec(), way: self.way.clone() })
    }
}

impl Writer for Part {
    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(&mut self) -> Result<ObjectMeta> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut size = bytes.len() as u64;
        let mut name = self.name.clone();
        match self.way.as_str() {
            "lie-size" => size += 1,
            "lie-name" => name.push('x'),
            "tear" => bytes.truncate(bytes.len() / 2),
            "forget" => return Ok(ObjectMeta { name, size }),
            _ => {}
        }
        let mut objects = self.objects.borrow_mut();
        if self.mode == PutMode::CreateOnly && objects.contains_key(&self.name) {
            return Err(Error::new(ErrorKind::AlreadyExists, "it is there"));
        }
        objects.insert(self.name.clone(), bytes);
        Ok(ObjectMeta { name, size })
    }

    fn abort(&mut self) {
        self.bytes = Vec::new();
    }
}

impl Reader for Range {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        let mut bytes: Vec<u8> = self.bytes.drain(..max.min(self.bytes.len())).collect();
        match self.way.as_str() {
            "wrong-bytes" => bytes.iter_mut().for_each(|byte| *byte ^= 1),
            "too-many-bytes" => bytes.resize(max + 1, 0),
            "endless" => bytes = vec![0; max],
            "short" => bytes.truncate(bytes.len() / 2),
            _ => {}
        }
        Ok(bytes)
    }
}

fn ask(authority: &str) -> std::result::Result<u16, String> {
    let invalid = |()| "the request can't be made".to_owned();
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some("/")).map_err(invalid)?;
    let answer = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(answer))) => Ok(answer.status()),
        other => Err(format!("{other:?}")),
    }
}

fn absent() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such object")
}
