//! The built artifacts: the bootstraps, and the transformed template.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder with the bootstraps, if it is not the one of `sam build`. `target/debug` is possible, too.
const FOLDER: &str = "LAMBDA_BUILD_DIR";
/// Set if the functions must have been built: their absence is then a failure.
const REQUIRED: &str = "LAMBDA_TESTS_REQUIRED";

#[derive(Clone, Debug)]
pub struct Build {
    folder: PathBuf,
    /// The transformed template.
    pub template: Value,
}

impl Build {
    /// The last build; `None`, with a printed message, if there is none or if the template has changed since.
    pub fn find() -> Option<Self> {
        let root = root();
        let folder = std::env::var_os(FOLDER).map_or_else(|| root.join(".aws-sam/build"), |folder| root.join(folder));
        match Self::open(&root, folder) {
            Ok(build) => Some(build),
            Err(missing) => {
                assert!(std::env::var_os(REQUIRED).is_none(), "{missing}");
                eprintln!("skipped: {missing}; infra/build.sh makes them");
                None
            }
        }
    }

    fn open(root: &Path, folder: PathBuf) -> Result<Self, String> {
        let path = target().join("transformed.json");
        let text = std::fs::read_to_string(&path).map_err(|_| format!("there is no {}", path.display()))?;
        let template: Value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let source = std::fs::read_to_string(root.join("template.yaml")).map_err(|error| error.to_string())?;
        if template["Metadata"]["Source"] != Value::String(source) {
            return Err(format!("{} was made of another template", path.display()));
        }
        let build = Self { folder, template };
        let functions = build.template["Resources"].as_object().into_iter().flatten();
        for (id, function) in functions.filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Function") {
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or_default();
            if build.bootstrap(id, binary).is_none() {
                return Err(format!("{} has no bootstrap of {id}", build.folder.display()));
            }
        }
        Ok(build)
    }

    /// A function's bootstrap.
    pub fn bootstrap(&self, id: &str, binary: &str) -> Option<PathBuf> {
        let places = [self.folder.join(id).join("bootstrap"), self.folder.join(binary).join("bootstrap")];
        places.into_iter().chain([self.folder.join(binary)]).find(|path| path.is_file())
    }

    /// The size of the function's zip file, if there is one.
    pub fn zip_bytes(&self, binary: &str) -> Option<u64> {
        let path = target().join("lambda").join(format!("{binary}.zip"));
        path.metadata().ok().map(|file| file.len())
    }
}

pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/lambda is two folders below the root").to_owned()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
