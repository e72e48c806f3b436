//! Large objects in parts: what is on its way can be told and found again, and is gone when it fails.
use crate::place::{JOB, backend, destination, make_bucket, name};
use chronicle::destination::{Body, Bytes, Destination, Put, PutMode};
use chronicle::{Error, ErrorKind, Result};
use chronicle_tests::http::{HttpServer, Response, ask};
use chronicle_tests::servers::moto;

const LEN: u64 = (20 << 20) + 3;

fn uploads(url: &str) -> usize {
    ask(url, "GET", "/bucket?uploads", b"").1.matches("<UploadId>").count()
}

fn keys(url: &str) -> String {
    ask(url, "GET", "/bucket?list-type=2", b"").1
}

/// A body that looks at the store while it is read, and may fail then.
struct Watching<'a> {
    url: &'a str,
    store: &'a dyn Destination,
    fails: bool,
}

impl Body for Watching<'_> {
    fn len(&self) -> u64 {
        LEN
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        if offset > 10 << 20 {
            assert_eq!(uploads(self.url), 1);
            assert!(keys(self.url).contains(&format!("large.partial-{JOB}")), "{}", keys(self.url));
            // From another thread, as another process would.
            let listed = std::thread::scope(|scope| {
                scope.spawn(|| self.store.list(None, None, 10).unwrap().objects.len()).join().unwrap()
            });
            assert_eq!(listed, 0, "what is on its way is no object");
            if self.fails {
                return Err(Error::new(ErrorKind::Io, "on purpose"));
            }
        }
        buffer.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = (at % 251) as u8);
        Ok(())
    }
}

#[test]
fn an_upload_is_marked_while_it_lasts_and_leaves_nothing_when_it_fails() {
    let Some(server) = moto() else { return };
    let url = server.url();
    make_bucket(&url);
    let store = backend(&url, "x").at("").unwrap();
    let put = |fails| {
        let body = Watching { url: &url, store: &*store, fails };
        store.put(&name("deep/large"), &body, PutMode::Overwrite.by(JOB))
    };
    assert_eq!(put(true).unwrap_err().to_string(), "on purpose");
    assert_eq!((uploads(&url), keys(&url).contains("<Key>")), (0, false));
    assert_eq!(put(false).unwrap(), Put::Written);
    assert_eq!((uploads(&url), keys(&url).matches("<Key>").count()), (0, 1));
    let bytes = store.get_range(&name("deep/large"), 1, LEN - 1).unwrap();
    assert!(bytes.iter().zip(1u64..).all(|(byte, at)| u64::from(*byte) == at % 251));
}

#[test]
fn the_upload_of_a_job_that_was_killed_is_found_and_aborted_and_no_other() {
    let Some(server) = moto() else { return };
    let url = server.url();
    make_bucket(&url);
    // What a killed process leaves: an upload with a part, and its marker. And an upload of somebody else.
    let begun = |key: &str| {
        let answer = ask(&url, "POST", &format!("/bucket/{key}?uploads"), b"").1;
        let id = answer.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        assert_eq!(ask(&url, "PUT", &format!("/bucket/{key}?partNumber=1&uploadId={id}"), b"part").0, 200);
        id
    };
    let id = begun("x/deep/large");
    assert_eq!(ask(&url, "PUT", &format!("/bucket/x/deep/large.partial-{JOB}"), id.as_bytes()).0, 200);
    begun("x/deep/theirs");
    let store = backend(&url, "x").at("").unwrap();
    let living = store.clean(Some(&name("deep")), &|_| false).unwrap();
    assert_eq!((living.removed, living.kept, uploads(&url)), (0, 1, 2));
    let cleaned = store.clean(None, &|job| job == JOB).unwrap();
    assert_eq!((cleaned.removed, cleaned.kept, uploads(&url)), (1, 0, 1));
    assert!(!keys(&url).contains("<Key>"));
    // The next attempt of a job that was killed does the same before it begins.
    let id = begun("x/deep/large");
    assert_eq!(ask(&url, "PUT", &format!("/bucket/x/deep/large.partial-{JOB}"), id.as_bytes()).0, 200);
    let body = vec![7; LEN as usize];
    let _ = store.put(&name("deep/large"), &Bytes(&body), PutMode::Overwrite.by(JOB)).unwrap();
    assert_eq!((uploads(&url), keys(&url).matches("<Key>").count()), (1, 1));
}

#[test]
fn a_refusal_in_the_middle_of_an_upload_is_told_and_the_upload_aborted() {
    let server = HttpServer::start(|request| {
        let ok = || Response::new(200, "").header("etag", "\"x\"");
        match (&*request.method, &*request.path) {
            ("POST", path) if path.ends_with("?uploads=") => {
                Response::new(200, "<R><Bucket>b</Bucket><Key>k</Key><UploadId>id-1</UploadId></R>")
            }
            ("PUT", path) if path.contains("partNumber=2") => {
                Response::s3_error(403, "AccessDenied", "no more of you")
            }
            ("GET", _) => Response::s3_error(404, "NoSuchKey", "none"),
            _ => ok(),
        }
    });
    let body = vec![7; LEN as usize];
    let put = destination(&server.url()).put(&name("a"), &Bytes(&body), PutMode::Overwrite.by(JOB));
    let error = put.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
    assert!(error.to_string().contains("no more of you"), "{error}");
    let ended = server.seen();
    let deleted =
        |part: &str| ended.iter().any(|request| request.method == "DELETE" && request.path.contains(part));
    assert!(deleted("uploadId=id-1") && deleted("a.partial-"), "{ended:#?}");
    assert!(!ended.iter().any(|request| request.method == "POST" && request.path.contains("uploadId")));
}
