//! The conformance suite on servers.
use crate::place::{SECRET, backend, backend_of, make_bucket, with_s3};
use chronicle::destination::conformance::{Card, Options, Suitability, run};
use chronicle::destination::{Destination, Settings, open_with};
use chronicle_tests::program::{command, parse};
use chronicle_tests::servers::{azurite, moto, s3rver, webdav};
use chronicle_tests::system::run as run_tool;

fn checked(destination: &dyn Destination) -> Card {
    let card = run(destination, &Options::default()).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), [""; 0], "{card}");
    assert!(card.passed() && card.left.is_empty(), "{card}");
    card
}

#[test]
fn s3_keeps_the_contract_for_several_writers() {
    let Some(server) = moto() else { return };
    make_bucket(&server.url());
    let card = checked(&*backend(&server.url(), "my prefix").at("").unwrap());
    assert_eq!(
        (card.suitability(), &*card.destination),
        (Suitability::SeveralWriters, "s3://bucket/my prefix")
    );
    // Also at the root of the bucket, and as a person runs it.
    let mut command = command();
    with_s3(&mut command, &server.url());
    let ran = command.args(["dest", "test", "s3://bucket", "--json"]).output().unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success() && !told.contains(SECRET), "{told}");
    assert_eq!(parse(&told)["suitability"], "safe for several writers");
}

/// The account that every Azurite has.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A container is made by a signed request.
pub(crate) fn make_container(url: &str, container: &str) {
    let program = r#"
import base64, hashlib, hmac, sys, urllib.request, email.utils
url, account, key, container = sys.argv[1:]
date = email.utils.formatdate(usegmt=True)
headers = f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
text = "PUT" + "\n" * 12 + headers + f"/{account}/{account}/{container}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
request = urllib.request.Request(f"{url}/{account}/{container}?restype=container", method="PUT")
for name, value in {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {account}:{signature}"}.items():
    request.add_header(name, value)
urllib.request.urlopen(request)
"#;
    run_tool("python3", &[&"-c", &program, &url, &ACCOUNT, &KEY, &container]);
}

#[test]
fn azure_keeps_the_contract_for_several_writers() {
    let Some(server) = azurite() else { return };
    make_container(&server.url(), "container");
    let test = |url: &str, key: &str| {
        command()
            .env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
            .env("AZURE_STORAGE_ACCOUNT_KEY", key)
            .env("AZURE_STORAGE_ENDPOINT", format!("{}/{ACCOUNT}", server.url()))
            .args(["dest", "test", url, "--json"])
            .output()
            .unwrap()
    };
    let ran = test("az://container/my prefix", KEY);
    let card = parse(&String::from_utf8(ran.stdout).unwrap());
    assert_eq!(
        (&card["suitability"], ran.status.code()),
        (&"safe for several writers".into(), Some(0)),
        "{card}"
    );
    // Azurite checks keys, and knows its containers.
    let wrong_key = KEY.replace("Eby8", "Abc8");
    for (url, key, word) in
        [("az://container/x", &*wrong_key, "account key"), ("az://none/x", KEY, "no such bucket")]
    {
        let ran = test(url, key);
        let told = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.code() == Some(1) && told.contains(word) && !told.contains(key), "{told}");
    }
}

#[test]
fn webdav_keeps_the_contract_for_one_writer_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = webdav(dir.path()) else { return };
    let url = |password: &str| server.url().replace("//", &format!("//me:{password}@")) + "/my%20folder/x";
    let alone = Settings { single_writer: true, ..Settings::default() };
    let destination = open_with(&url("ge%20heim"), alone).unwrap();
    assert!(destination.place().ends_with("/my folder/x") && !destination.place().contains("heim"));
    let card = run(&*destination, &Options::default()).unwrap();
    assert_eq!(card.failed().collect::<Vec<_>>(), [""; 0], "{card}");
    assert_eq!((card.suitability(), card.passed()), (Suitability::SingleWriter, true), "{card}");
    let wrong = open_with(&url("falsch"), alone).unwrap();
    let error = run(&*wrong, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), chronicle::ErrorKind::Permission, "{error}");
    assert!(!error.to_string().contains("falsch"), "{error}");
}

/// Key and secret of its only account.
const S3RVER: &str = "S3RVER";

#[test]
fn a_store_that_lets_two_creators_win_is_found_out_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = s3rver(dir.path()) else { return };
    let card =
        run(&*backend_of(&server.url(), "x", S3RVER, S3RVER).at("").unwrap(), &Options::trial()).unwrap();
    assert_ne!(card.suitability(), Suitability::SeveralWriters, "{card}");
    assert_eq!(
        card.failed().collect::<Vec<_>>(),
        ["put.create-only"],
        "the first failure ends a trial: {card}"
    );
    // Declared to be alone, it is still refused: its long listings fail.
    let alone = backend_of(&server.url(), "y", S3RVER, S3RVER).single_writer().at("").unwrap();
    let card = run(&*alone, &Options::trial()).unwrap();
    assert_eq!(card.suitability(), Suitability::Unusable, "{card}");
    let data = dir.path().join("data.db");
    let run = |arguments: &[&str]| {
        let mut command = command();
        with_s3(&mut command, &server.url());
        command.env("AWS_ACCESS_KEY_ID", S3RVER).env("AWS_SECRET_ACCESS_KEY", S3RVER);
        command.args(arguments).output().unwrap()
    };
    let data = data.to_str().unwrap();
    assert!(run(&["init", "--path", data]).status.success());
    let ran = run(&["backup", "create", "--source", data, "--dest", "s3://bucket/repo", "--delta"]);
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(told.contains("another") && told.contains("store"), "{told}");
}
