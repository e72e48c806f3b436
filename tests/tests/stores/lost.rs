//! Answers that were lost: what is there decides.
use crate::place::{JOB, destination, name};
use chronicle::destination::{Bytes, Put, PutMode};
use chronicle_tests::http::{HttpServer, Response};
use std::sync::Mutex;

/// A store that keeps the first body put under a name, and loses the answer to it.
fn forgetful(someone_was_first: Option<&'static [u8]>) -> HttpServer {
    let stored = Mutex::new(someone_was_first.map(<[u8]>::to_vec));
    HttpServer::start(move |request| {
        let mut stored = stored.lock().unwrap();
        match (&*request.method, &mut *stored) {
            ("PUT", None) => {
                *stored = Some(request.body.clone());
                Response::cut()
            }
            ("PUT", Some(there)) => match request.body == *there || there == b"first" {
                true => Response::s3_error(412, "PreconditionFailed", "there"),
                false => Response::cut(),
            },
            (_, Some(there)) => Response::new(200, there.clone()).header("etag", "\"x\""),
            (_, None) => Response::s3_error(404, "NoSuchKey", "none"),
        }
    })
}

#[test]
fn a_creation_whose_answer_was_lost_is_known_as_our_own() {
    let server = forgetful(None);
    let put = destination(&server.url()).put(&name("a"), &Bytes(b"mine"), PutMode::CreateOnly.by(JOB));
    assert_eq!(put.unwrap(), Put::Written);
    let methods: Vec<String> = server.seen().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUT", "PUT", "GET"]);
}

#[test]
fn a_creation_that_somebody_else_won_is_not_taken_for_our_own() {
    let server = forgetful(Some(b"first"));
    let put = destination(&server.url()).put(&name("a"), &Bytes(b"mine"), PutMode::CreateOnly.by(JOB));
    assert_eq!(put.unwrap(), Put::AlreadyThere);
    // Also when an answer was lost before.
    let answers = Mutex::new(vec![Response::s3_error(412, "PreconditionFailed", "there"), Response::cut()]);
    let server = HttpServer::start(move |request| match &*request.method {
        "PUT" => answers.lock().unwrap().pop().unwrap_or_else(Response::cut),
        _ => Response::new(200, "theirs").header("etag", "\"x\""),
    });
    let put = destination(&server.url()).put(&name("a"), &Bytes(b"mine"), PutMode::CreateOnly.by(JOB));
    assert_eq!(put.unwrap(), Put::AlreadyThere);
}
