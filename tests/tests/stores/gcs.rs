//! Google Cloud Storage has no server to test on: the shape of what is asked, and what its answers come to.
use chronicle_tests::http::{HttpServer, Request, Response};
use chronicle_tests::program::command;

fn told(answer: fn(&Request) -> Response, arguments: &[&str]) -> (Option<i32>, String, Vec<String>) {
    let server = HttpServer::start(answer);
    let ran = command()
        .env("GOOGLE_BASE_URL", server.url())
        .env("GOOGLE_BEARER_TOKEN", "token")
        .args(arguments)
        .output()
        .unwrap();
    let asked = server.seen().into_iter().map(|request| format!("{} {}", request.method, request.path));
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap(), asked.collect())
}

#[test]
fn google_cloud_storage_is_asked_for_objects_below_the_prefix() {
    let none = |_: &Request| Response::s3_error(404, "NoSuchKey", "The specified key does not exist.");
    let (code, said, asked) = told(none, &["backup", "list", "--source", "gs://bucket/my/repo"]);
    assert_eq!(code, Some(4), "{said}");
    let claim = "/bucket/my%2Frepo%2Fclaims%2F0";
    assert!(asked.iter().any(|asked| asked.ends_with(claim)), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.contains("/bucket/my%2Frepo%2F")), "{asked:?}");
    let none = |_: &Request| Response::s3_error(404, "NoSuchBucket", "The specified bucket does not exist.");
    let (code, said, _) = told(none, &["backup", "list", "--source", "gs://bucket/my/repo"]);
    assert!(code == Some(1) && said.contains("no such bucket"), "{said}");
}

#[test]
fn google_cloud_storage_is_asked_for_exclusive_creation() {
    let answer = |request: &Request| match &*request.method {
        "PUT" if request.header("x-goog-if-generation-match") == Some("0") => {
            Response::s3_error(412, "PreconditionFailed", "there")
        }
        "PUT" => Response::new(200, "").header("etag", "\"x\"").header("x-goog-generation", "1"),
        _ => Response::s3_error(404, "NoSuchKey", "none"),
    };
    let (code, said, asked) = told(answer, &["dest", "test", "gs://bucket/x"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(asked.iter().any(|asked| asked.starts_with("PUT /bucket/x%2Fchronicle%2Dtest%2D")), "{asked:?}");
}
