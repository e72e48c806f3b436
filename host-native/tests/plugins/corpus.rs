//! Every plugin that was ever built for a version of the contract goes on being loaded.
use chronicle::plugin::describe;
use std::fs;
use std::path::Path;

#[test]
fn every_plugin_of_the_corpus_loads() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/corpus");
    let mut loaded = 0;
    for version in fs::read_dir(corpus).unwrap() {
        for file in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let first = describe(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(
                describe(&fs::read(&path).unwrap()).unwrap(),
                first,
                "describing is pure: {}",
                path.display()
            );
            loaded += 1;
        }
    }
    assert!(loaded >= 2);
}
