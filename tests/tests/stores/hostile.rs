//! Answers that no honest store gives, and refusals: each is an error that says what to do, or a retry that ends.
use crate::place::{JOB, SECRET, destination, name};
use chronicle::destination::{Bytes, PutMode};
use chronicle::{Error, ErrorKind};
use chronicle_tests::http::{HttpServer, Request, Response};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Every way to ask, of a store that answers like this.
fn refusals(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> (Vec<Error>, usize) {
    let server = HttpServer::start(answer);
    let store = destination(&server.url());
    let errors = vec![
        store.stat(&name("a")).unwrap_err(),
        store.get(&name("a"), 100).unwrap_err(),
        store.get_range(&name("a"), 0, 10).unwrap_err(),
        store.put(&name("a"), &Bytes(b"x"), PutMode::CreateOnly.by(JOB)).unwrap_err(),
        store.put(&name("a"), &Bytes(b"x"), PutMode::Overwrite.by(JOB)).unwrap_err(),
        store.list(None, None, 10).unwrap_err(),
        store.delete(&name("a")).unwrap_err(),
    ];
    (errors, server.seen().len())
}

#[test]
fn every_refusal_is_told_in_words_whatever_was_asked_and_is_not_tried_again() {
    use ErrorKind::*;
    for (status, code, kind, word) in [
        (403, "InvalidAccessKeyId", Permission, "key id"),
        (403, "SignatureDoesNotMatch", Permission, "secret key is wrong"),
        (400, "ExpiredToken", Permission, "expired"),
        (403, "RequestTimeTooSkewed", Permission, "clock"),
        (403, "AccessDenied", Permission, "right to read, write and list"),
        (404, "NoSuchBucket", InvalidInput, "no such bucket"),
        (301, "PermanentRedirect", InvalidInput, "region"),
        (507, "", Full, "no room"),
    ] {
        let (errors, requests) = refusals(move |_| {
            Response::s3_error(status, code, "because").header("date", "Mon, 01 Jan 2024 00:00:00 GMT")
        });
        for error in errors {
            let text = error.to_string();
            assert_eq!(error.kind(), kind, "{status} {code}: {text}");
            assert!(text.contains(word) && text.contains("s3://bucket/pre fix/x"), "{text}");
            assert!(!text.contains(SECRET) && !text.contains("Signature="), "{text}");
        }
        // One each; HEAD has no words, so that one is asked again with GET.
        let asked_twice = (400..500).contains(&status);
        assert_eq!(requests, 7 + usize::from(asked_twice), "{status} {code}");
    }
}

#[test]
fn a_storm_of_503_ends_and_a_short_one_is_waited_out() {
    let started = Instant::now();
    let server = HttpServer::start(|_| Response::s3_error(503, "SlowDown", "please"));
    let store = destination(&server.url());
    let error = store.get(&name("a"), 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
    assert!(error.to_string().contains("tried") && started.elapsed() < Duration::from_secs(20), "{error}");
    assert!(server.seen().len() > 2);

    let left = AtomicU32::new(2);
    let server = HttpServer::start(move |_| {
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(2) => Response::s3_error(503, "SlowDown", "please").header("retry-after", "1"),
            Ok(_) => Response::cut(),
            Err(_) => Response::new(200, "hello").header("etag", "\"x\""),
        }
    });
    let started = Instant::now();
    assert_eq!(destination(&server.url()).get(&name("a"), 100).unwrap(), b"hello");
    assert!(started.elapsed() >= Duration::from_secs(1), "what the store asked for is waited");
    assert_eq!(server.seen().len(), 3, "and nothing else tries again");
}

#[test]
fn a_date_to_come_back_at_is_counted_from_the_clock_of_the_store() {
    // By our clock that moment is long gone, or far away.
    for (date, after) in [
        ("Mon, 01 Jan 2001 00:00:00 GMT", "Mon, 01 Jan 2001 00:00:01 GMT"),
        ("Thu, 01 Jan 2099 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:01 GMT"),
    ] {
        let left = AtomicU32::new(1);
        let server = HttpServer::start(move |_| {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Response::s3_error(503, "SlowDown", "please")
                    .header("retry-after", after)
                    .header("date", date),
                Err(_) => Response::new(200, "hello").header("etag", "\"x\""),
            }
        });
        let started = Instant::now();
        assert_eq!(destination(&server.url()).get(&name("a"), 100).unwrap(), b"hello");
        let took = started.elapsed();
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{date}: {took:?}");
    }
}

#[test]
fn a_403_in_the_middle_is_told_and_is_not_taken_for_an_absent_object() {
    // The first answers are good; then the policy changes.
    let left = AtomicU32::new(3);
    let server = HttpServer::start(move |request| {
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) if request.method == "HEAD" => Response::new(200, "")
                .header("content-length", "5")
                .header("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT")
                .header("etag", "\"x\""),
            Ok(_) => Response::new(200, "hello").header("etag", "\"x\""),
            Err(_) => Response::s3_error(403, "AccessDenied", "no longer"),
        }
    });
    let store = destination(&server.url());
    for _ in 0..3 {
        assert_eq!(store.get(&name("a"), 100).unwrap(), b"hello");
    }
    for error in [store.stat(&name("a")).unwrap_err(), store.get(&name("a"), 100).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
    }
}

#[test]
fn a_store_that_ignores_ranges_is_refused_before_a_repository_is_made_there() {
    let server = HttpServer::start(|_| {
        Response::new(200, "the whole object, whatever was asked for").header("etag", "\"x\"")
    });
    let error = destination(&server.url()).get_range(&name("a"), 4, 5).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Damaged), "{error}");
}

#[test]
fn a_store_that_nobody_answers_at_is_given_up_soon() {
    let started = Instant::now();
    let store = destination("http://127.0.0.1:1");
    let error = store.stat(&name("a")).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Transient && error.to_string().contains("can't be reached"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}

fn range(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Result<Vec<u8>, Error> {
    let server = HttpServer::start(answer);
    destination(&server.url()).get_range(&name("a"), 10, 10)
}

#[test]
fn wrong_ranges_are_noticed() {
    let whole = vec![5; 30];
    let part = |header: &str, len: usize| {
        Response::new(206, vec![5; len]).header("etag", "\"x\"").header("content-range", header)
    };
    assert_eq!(range(move |_| part("bytes 10-19/30", 10)).unwrap(), [5; 10]);
    let short = whole.clone();
    for (answer, kind) in [
        // Everything, and as much as was asked for from the start.
        (Response::new(200, whole).header("etag", "\"x\""), ErrorKind::Unsupported),
        (Response::new(200, &short[..10]).header("etag", "\"x\""), ErrorKind::Unsupported),
        (part("bytes 0-9/30", 10), ErrorKind::Damaged),
        (part("bytes 10-18/30", 9), ErrorKind::Damaged),
        (part("bytes 10-19/30", 9), ErrorKind::Damaged),
        (part("bytes x", 10), ErrorKind::Damaged),
        (part("bytes 10-19/30", 11), ErrorKind::Unsupported),
        (Response::new(206, vec![5; 10]).header("etag", "\"x\""), ErrorKind::Damaged),
    ] {
        let said = format!("{answer:?}");
        let error = range(move |_| answer.clone()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error} of {said}");
    }
}

#[test]
fn a_body_that_breaks_off_is_fetched_again_and_one_that_never_ends_takes_no_memory() {
    let first = AtomicU32::new(1);
    let server = HttpServer::start(move |_| {
        let mut whole = Response::new(200, "0123456789").header("etag", "\"x\"");
        if first.swap(0, Ordering::SeqCst) == 1 {
            whole.announced = Some(10);
            whole.body.truncate(4);
        }
        whole
    });
    assert_eq!(destination(&server.url()).get(&name("a"), 10).unwrap(), b"0123456789");
    let error = destination(&server.url()).get(&name("a"), 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    let mut long = Response::new(200, vec![b'x'; 1 << 20]).header("etag", "\"x\"");
    long.announced = Some(1 << 40);
    let server = HttpServer::start(move |_| long.clone());
    let error = destination(&server.url()).list(None, None, 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}

#[test]
fn an_absent_object_in_a_bucket_that_is_there_is_absent() {
    let server = HttpServer::start(|_| Response::s3_error(404, "NoSuchKey", "none"));
    let store = destination(&server.url());
    assert_eq!(store.stat(&name("a")).unwrap(), None);
    assert_eq!(store.get(&name("a"), 9).unwrap_err().kind(), ErrorKind::NotFound);
    store.delete(&name("a")).unwrap();
    let before = server.seen().len();
    assert_eq!(store.stat(&name("b")).unwrap(), None);
    assert_eq!(server.seen().len(), before + 1, "the bucket is known by now");
}

#[test]
fn checksums_travel_with_what_is_put_and_the_secret_never_does() {
    let server = HttpServer::start(|_| Response::new(200, "").header("etag", "\"x\""));
    let put = destination(&server.url()).put(&name("a"), &Bytes(b"x"), PutMode::CreateOnly.by(JOB));
    let _ = put.unwrap();
    let [request] = &server.seen()[..] else { panic!("{:?}", server.seen()) };
    assert_eq!((&*request.method, &*request.path), ("PUT", "/bucket/pre%20fix/x/a"));
    assert_eq!(request.header("if-none-match"), Some("*"));
    assert_eq!(request.header("x-amz-checksum-sha256"), Some("LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE="));
    assert!(!format!("{request:?}").contains(SECRET));
}
