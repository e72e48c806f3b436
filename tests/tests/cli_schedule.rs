//! `chronicle backup schedule` from outside, how fresh `backup list` finds a place, and the documentation of both.
use chronicle::schedule::{RunReport, ScheduleConfig};
use chronicle::{Config, Db, Point};
use chronicle_tests::child::Victim;
use chronicle_tests::document::{blocks, document};
use chronicle_tests::program::{Ran, chronicle, command};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::Builder::new().prefix("a place ").tempdir().unwrap() };
        chronicle(&["init", "--path", &place.at("data.db")]).done();
        chronicle(&["write", "--path", &place.at("data.db"), "--metric", "cpu", "--value", "1"]).done();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Paths in it start here.
    fn config(&self, text: &str) {
        fs::write(self.path("chronicle.toml"), text).unwrap();
    }

    fn schedule(&self, more: &[&str]) -> Ran {
        let config = self.at("chronicle.toml");
        chronicle(&[&["backup", "schedule", "--config", &config], more].concat())
    }
}

const HOURLY: &str = "[[job]]\nname = \"a\"\nsource = \"data.db\"\ndest = \"repo\"\nevery = \"1h\"\n";

#[test]
fn once_runs_what_is_due_and_tells_failures_by_its_exit_status() {
    let place = Place::new();
    place.config(HOURLY);
    assert!(place.schedule(&["--once"]).done().contains("a: backup success, base"));
    assert_eq!(place.schedule(&["--once"]).done(), "nothing is due\n");
    // One job that fails keeps no other from running.
    place.config(
        &format!(
            "{HOURLY}{}",
            HOURLY.replace("data.db", "gone.db").replace("\"a\"", "\"b\"").replace("repo", "c")
        )
        .replace("1h", "1s"),
    );
    std::thread::sleep(Duration::from_millis(1_100));
    let ran = place.schedule(&["--once", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let reports: Vec<RunReport> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended: Vec<_> =
        reports.iter().map(|report| (report.job.as_str(), report.event.to_string())).collect();
    assert!(
        ended.contains(&("a", "success".into())) && ended.contains(&("b", "failure".into())),
        "{ended:?}"
    );
}

#[test]
fn in_the_foreground_it_backs_up_what_another_process_writes_until_it_is_terminated() {
    let place = Place::new();
    let db = Db::open(place.path("data.db"), Config::default()).unwrap();
    place.config(&HOURLY.replace("1h", "1s"));
    let mut arguments = command();
    arguments.args(["backup", "schedule", "--json", "--config", &place.at("chronicle.toml")]);
    let mut victim = Victim::start(&mut arguments);
    let report = |line: String| -> RunReport { serde_json::from_str(&format!("{{{line}")).unwrap() };
    assert_eq!(report(victim.expect("{")).point.as_deref(), Some("base"));
    let lsn = db.write(Point::new("cpu", 7, 7.0)).unwrap();
    let seen = (0..60).map(|_| report(victim.expect("{")).lsn.unwrap()).find(|seen| *seen == lsn.to_string());
    assert!(seen.is_some(), "the write is in a later point");
    let id = rustix::process::Pid::from_raw(victim.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let (status, _) = victim.finish();
    assert_eq!(status.code(), Some(0), "it ends well: {status}");
    chronicle(&["backup", "verify", "--source", &place.at("repo")]).done();
}

#[test]
fn check_prints_the_next_times_of_the_zone_and_runs_nothing() {
    let place = Place::new();
    place.config(&HOURLY.replace("every = \"1h\"", "schedule = \"30 4 * * *\"\ntimezone = \"Asia/Kolkata\""));
    let printed = place.schedule(&["--check"]).done();
    assert!(printed.contains("now, then ") && printed.matches("T23:00:00Z").count() == 3, "{printed}");
    assert!(printed.contains("nobody is told"), "{printed}");
    let json = place.schedule(&["--check", "--json"]).json();
    assert_eq!(
        (&json["tasks"][0]["due"], json["tasks"][0]["times"].as_array().unwrap().len()),
        (&true.into(), 3)
    );
    assert!(!place.path("repo").exists(), "a check makes nothing");
}

#[test]
fn a_slip_in_the_configuration_is_a_usage_error_that_says_where() {
    let place = Place::new();
    place.config(&HOURLY.replace("every", "evrey"));
    let error = place.schedule(&["--once"]).failed(2);
    assert!(error.contains("chronicle.toml: line 5") && error.contains("did you mean \"every\"?"), "{error}");
    place.config(&HOURLY.replace("1h", "often"));
    assert!(place.schedule(&["--check"]).failed(2).contains("line 5"));
    fs::remove_file(place.path("chronicle.toml")).unwrap();
    assert!(place.schedule(&[]).failed(1).contains("chronicle.toml"));
}

#[test]
fn keep_rules_are_carried_out_after_every_backup_and_drills_leave_a_page() {
    let place = Place::new();
    for kind in ["delta", "snapshot"] {
        let job = HOURLY.replace("1h", "1s").replace("\"repo\"", &format!("\"{kind}\""));
        place.config(&format!(
            "{job}kind = \"{kind}\"\n[job.keep]\nlast = 2\n[job.drill]\nevery = \"30d\"\nreport = \"{kind}.html\"\n"
        ));
        for run in 0..4 {
            chronicle(&["write", "--path", &place.at("data.db"), "--metric", "cpu", "--value", "1"]).done();
            let printed = place.schedule(&["--once"]).done();
            assert_eq!(printed.contains("a: drill success"), run == 0, "a drill is noted: {printed}");
            assert!(printed.contains("a: prune success"), "{printed}");
            std::thread::sleep(Duration::from_millis(1_100));
        }
        let listed = chronicle(&["backup", "list", "--source", &place.at(kind), "--json"]).json();
        let field = if kind == "delta" { "points" } else { "snapshots" };
        // A point that a restore proved is verified, and the newest of these stays as well.
        let kept = listed[field].as_array().unwrap().len();
        assert!((2..=3).contains(&kept), "{kind}: {kept}");
        assert!(fs::read_to_string(place.path(&format!("{kind}.html"))).unwrap().contains("<html"));
    }
}

#[test]
fn how_fresh_a_place_is_is_an_exit_status() {
    let place = Place::new();
    let (db, repo, folder) = (place.at("data.db"), place.at("repo"), place.at("folder"));
    let list = |place: &str, age: &str| chronicle(&["backup", "list", "--source", place, "--max-age", age]);
    list(&repo, "1h").failed(4);
    fs::create_dir(place.path("folder")).unwrap();
    list(&folder, "1h").failed(4);
    chronicle(&["backup", "create", "--source", &db, "--dest", &repo, "--delta"]).done();
    chronicle(&["backup", "create", "--source", &db, "--dest", &place.at("folder/monday")]).done();
    std::thread::sleep(Duration::from_millis(20));
    for place in [&repo, &folder] {
        list(place, "1h").done();
        let ran = list(place, "10ms");
        assert!(!ran.out.is_empty(), "the list is printed all the same");
        assert!(ran.failed(1).contains("more than 10ms"));
        list(place, "yesterday").failed(2);
    }
}

#[test]
fn the_configuration_on_the_page_is_whole_and_right() {
    let found = blocks("core/docs/schedule.md");
    let toml = &found.iter().find(|block| block.language == "toml").unwrap().text;
    let config = ScheduleConfig::parse(toml).unwrap();
    let job = &config.jobs[0];
    assert!(job.keep.is_some() && job.verify.is_some() && job.drill.is_some() && job.heartbeat.is_some());
    assert!(config.metrics.file.is_some() && config.metrics.listen.is_some() && config.on_success.is_some());
    // Every key that the types know is in it: one that is misspelled is answered with all of its table.
    for table in
        ["", "[metrics]\n", "[on_failure]\n", "[[job]]\n", "[job.keep]\n", "[job.verify]\n", "[job.drill]\n"]
    {
        let head = if table.starts_with("[job.") { "[[job]]\nname = \"x\"\n" } else { "" };
        let error = ScheduleConfig::parse(&format!("{head}{table}qqqqqqqqqqqqqq = 1\n")).unwrap_err();
        let (_, known) = error.message().split_once("known here: ").unwrap_or_else(|| panic!("{error}"));
        for key in known.split(", ") {
            assert!(
                toml.contains(&format!("{key} = ")) || toml.contains(&format!("{key}]")),
                "{table}{key} is not on the page"
            );
        }
    }
    let report = &found.iter().find(|block| block.language == "json").unwrap().text;
    serde_json::from_str::<RunReport>(report).unwrap();
}

#[test]
fn the_metrics_on_the_page_are_those_that_are_told() {
    let place = Place::new();
    place.config(&format!("[metrics]\nfile = \"m.prom\"\n{HOURLY}"));
    place.schedule(&["--once"]).done();
    let page = document("core/docs/schedule.md");
    let told = fs::read_to_string(place.path("m.prom")).unwrap();
    let names: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() >= 10, "{told}");
    for name in names {
        let short = name.strip_prefix("chronicle_backup").unwrap();
        assert!(page.contains(name) || page.contains(&format!("`{short}`")), "{name} is not on the page");
    }
}

#[test]
fn the_scripts_for_cron_work_as_they_are_printed() {
    let place = Place::new();
    let scripts: Vec<String> = blocks("core/docs/schedule.md")
        .into_iter()
        .filter(|block| block.language == "bash")
        .map(|block| block.text)
        .collect();
    let [hourly, monthly, by_hand] = scripts.as_slice() else { panic!("{scripts:?}") };
    let program = command().get_program().to_owned();
    let path =
        format!("{}:{}", Path::new(&program).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let run = |script: &str| {
        let file = place.path("script");
        fs::write(&file, script).unwrap();
        Command::new("bash")
            .arg(&file)
            .env("PATH", &path)
            .env("DB", place.at("data.db"))
            .env("BACKUP", place.at("backup"))
            .env("REPORT", place.at("drill.html"))
            .output()
            .unwrap()
    };
    fs::create_dir(place.path("backup")).unwrap();
    // More than the rule keeps, as if many hours had passed.
    for number in 0..24 {
        let dest = place.at(&format!("backup/snapshot-{number}"));
        chronicle(&["backup", "create", "--source", &place.at("data.db"), "--dest", &dest]).done();
        chronicle(&["write", "--path", &place.at("data.db"), "--metric", "cpu", "--value", "1"]).done();
    }
    for script in [hourly, monthly, by_hand] {
        let output = run(script);
        assert!(output.status.success(), "{script}: {output:?}");
    }
    let snapshots = fs::read_dir(place.path("backup")).unwrap().count();
    assert_eq!(snapshots, 24, "find could not have removed the oldest");
    assert!(!place.path("backup/snapshot-0").exists());
    assert!(fs::read_to_string(place.path("drill.html")).unwrap().contains("<html"));
    fs::remove_dir_all(place.path("backup")).unwrap();
    assert!(!run(monthly).status.success(), "nothing to restore is a failure that cron tells");
}
