//! A whole stack: every function of the template as a process, over the runner's stand-ins.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use license_domain::{Clock, Random, Timestamp};
use license_local::{
    FREE_LOOPBACK_PORT, RETIREMENT_WORKER, aws::Aws, demo, engine::Engine, import, keys::Signer, pollers::Pollers,
    services::Services, settings::Settings, table,
};
use license_storage_dynamodb::{Store, testing::table_of};
use license_telemetry::{SystemClock, SystemRandom};
use license_tests::Client;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{
    Build, dynamodb_local, front,
    gateway::{Gateway, Role, Upstream},
    policy::{Access, Policy, Statement},
    runtime::{Function, Functions, InvokeError, Spec},
    sources,
    template::{REGION, Template},
};

/// The secret of every access key.
const SECRET: &str = "secret";

/// Decides which statements of a function's policy are kept.
pub type Keep = Arc<dyn Fn(&str, &Statement) -> bool + Send + Sync>;

/// Differences from the template's defaults.
#[derive(Clone, Default)]
pub struct Options {
    /// Settings by the names of their environment variables.
    pub settings: BTreeMap<String, String>,
    /// Secrets that settings name.
    pub secrets: BTreeMap<String, String>,
    /// Which statements are kept; all by default.
    pub keep: Option<Keep>,
    /// A dump that is imported before the functions start.
    pub dump: Option<PathBuf>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("settings", &self.settings.keys()).finish_non_exhaustive()
    }
}

/// A running stack.
pub struct Stack {
    url: String,
    engine: Option<Engine>,
    template: Template,
    functions: Functions,
    roles: BTreeMap<String, Policy>,
    gateway: Gateway,
    aws: Aws,
    services: Services,
    store: Arc<Store>,
    pollers: Arc<Pollers>,
    signer: Arc<Signer>,
    tokens: BTreeMap<&'static str, String>,
    http: reqwest::Client,
    helpers: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Stack {
    /// Starts all built functions, with the demo customer.
    pub async fn start(build: &Build, options: Options) -> Self {
        let engine = dynamodb_local::engine().await;
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let declared = license_template::Template::embedded().expect("a template");
        let direct = table::client(engine.url());
        table::create(&direct, declared.table()).await.expect("a table");
        let store = Arc::new(Store::new(direct, table::NAME, clock.clone(), random.clone()));
        let aws = Aws::open(None, &declared, clock, random.clone()).expect("stand-ins");
        for (name, value) in &options.secrets {
            aws.put_secret(name, value).expect("a secret");
        }

        let mut settings = Settings::new(options.settings.clone());
        let signer = signer(&mut settings, &options);
        let services = Services::new(store.clone(), aws.clone(), None, None);
        let served = services.serve(&mut settings, FREE_LOOPBACK_PORT, None).await;
        let (task, services_url) = served.expect("the stand-ins listen");
        let mut helpers = vec![task];
        settings.set_default("LEARNER_PORTAL_URL", "http://localhost:8734");
        settings.set_default("RETIREMENT_SERVICE_WORKER_USERNAME", RETIREMENT_WORKER);

        let gateway = Gateway::start().await;
        gateway.forward_to(Upstream { engine: engine.url().to_owned(), services: services_url });
        let template = with_parameters(Template::new(build.template.clone(), gateway.url()), &settings);
        demo::make(&store).await.expect("the demo customer");
        if let Some(dump) = &options.dump {
            import(&engine, &store, dump).await;
        }

        let mut functions = Functions::new();
        let mut roles = BTreeMap::new();
        for (number, (id, properties)) in template.resources("AWS::Lambda::Function").enumerate() {
            let key = format!("ASIA{number:016}");
            let spec = spec(build, &template, (id, properties), &gateway, &key);
            let role = template.evaluate(&properties["Role"]);
            let mut policy = Policy::of_role(&template, sources::role_id(role.as_str().unwrap_or_default()));
            if let Some(keep) = &options.keep {
                policy.statements.retain(|statement| keep(id, statement));
            }
            roles.insert(id.to_owned(), policy.clone());
            services.files().know(&key, SECRET);
            gateway.admit(&key, Role { function: id.to_owned(), policy });
            let function = Function::start(spec).await.unwrap_or_else(|error| panic!("{error}"));
            functions.insert(id.to_owned(), Arc::new(function));
        }
        let url = front::serve(front::routes(&template), functions.clone()).await;
        let pollers = Pollers::new(aws.clone(), engine.stream(), services.faults().clone(), random);
        helpers.extend(pollers.start(&declared, &sources::handlers(&functions)));
        let tokens = demo::tokens(&signer).expect("tokens");
        let engine = Some(engine);
        let http = reqwest::Client::new();
        Self {
            url,
            engine,
            template,
            functions,
            roles,
            gateway,
            aws,
            services,
            store,
            pollers,
            signer,
            tokens,
            http,
            helpers,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The template with its parameters.
    pub const fn template(&self) -> &Template {
        &self.template
    }

    /// A client with the demo's token for a role.
    pub fn client(&self, role: &str) -> Client {
        Client::new(self.http.clone(), &self.url, Some(self.tokens[role].clone()))
    }

    /// A client with any claims.
    pub fn client_with(&self, claims: Value) -> Client {
        Client::new(self.http.clone(), &self.url, Some(self.token(claims)))
    }

    /// A token with these claims.
    pub fn token(&self, claims: Value) -> String {
        self.signer.sign(claims).expect("a token")
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), &self.url, None)
    }

    /// The stand-ins for AWS.
    pub const fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The stand-ins for other services.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// The table, without the functions' policies.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The functions, by their logical ids.
    pub const fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Invokes a function directly.
    pub async fn invoke(&self, id: &str, event: &Value) -> Result<Value, InvokeError> {
        self.functions[id].invoke(event).await
    }

    /// Calls all scheduled functions; returns each function's response.
    pub async fn tick(&self) -> BTreeMap<String, Value> {
        let mut responses = BTreeMap::new();
        for (name, function, input) in sources::schedules(&self.template) {
            let event = sources::schedule(&input, &name);
            let response = self.invoke(&function, &event).await;
            responses.insert(function, response.unwrap_or_else(|error| panic!("{name}: {error:?}")));
        }
        responses
    }

    /// The URL of the table's engine, without policies.
    pub fn engine_url(&self) -> &str {
        self.engine.as_ref().expect("it runs as long as the stack").url()
    }

    /// Waits until everything that changes have caused is done, as far as it is due.
    pub async fn drain(&self) {
        let left = self.pollers.drain().await;
        assert_eq!(left["drained"], true, "{left}");
    }

    /// Lets what changes have caused go on for a while; it may take longer.
    pub async fn go_on(&self) {
        self.pollers.drain().await;
    }

    /// What was refused.
    pub fn refused(&self) -> Vec<String> {
        self.gateway.refused()
    }

    /// Each function's accesses to AWS.
    pub fn used(&self) -> BTreeSet<(String, Access)> {
        self.gateway.used()
    }

    /// Each function's permissions.
    pub const fn roles(&self) -> &BTreeMap<String, Policy> {
        &self.roles
    }

    /// The checks at the end of every test: nothing was refused, and no log contains personal data.
    #[track_caller]
    pub fn check(&self) {
        assert_eq!(self.refused(), Vec::<String>::new());
        for (id, function) in &self.functions {
            for line in function.log() {
                let is_telling = line.contains("@demo.example") || line.contains("eyJ");
                assert!(!is_telling, "{id} logs what it should not: {line}");
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for helper in &self.helpers {
            helper.abort();
        }
        drop(self.engine.take());
    }
}

/// A clock that is late, so that what waits for the index does not wait after an import.
#[derive(Debug)]
struct Late;

impl Clock for Late {
    fn now(&self) -> Timestamp {
        SystemClock.now() - TimeDelta::hours(1)
    }
}

async fn import(engine: &Engine, store: &Store, dump: &Path) {
    let late = Store::new(table_of(store).client().clone(), table::NAME, Arc::new(Late), Arc::new(SystemRandom));
    let importer = import::into_engine(&Arc::new(late), engine.bulk().expect("the embedded engine"));
    let report = importer.import(&[dump.to_owned()], &|_| ()).await.expect("a dump");
    assert_eq!((&report.imported_before[..], &report.warnings[..]), (&[][..], &[][..]));
}

/// The runner's keys; if a secret contains the key, it is the same one.
fn signer(settings: &mut Settings, options: &Options) -> Arc<Signer> {
    let mut known = settings.clone();
    if let Some(secret) = settings.get("JWT_SECRET_KEY").and_then(|name| name.split_once(':')) {
        known.set("JWT_SECRET_KEY", options.secrets[secret.1].clone());
        return Arc::new(Signer::new(&mut known, None).expect("a key").expect("a key of ours"));
    }
    Arc::new(Signer::new(settings, None).expect("keys").expect("keys of ours"))
}

/// A variable whose value is a parameter gets the setting of its name.
fn with_parameters(mut template: Template, settings: &Settings) -> Template {
    for (variable, parameter) in template.parameters_of_variables() {
        if let Some(value) = settings.get(&variable) {
            template.set(&parameter, value);
        }
    }
    // Requests are counted, as in a deployment, but the limit is too high for the tests to reach it.
    for parameter in ["ThrottleAnonymousPerMinute", "ThrottleUserPerSecond", "ThrottleUserPerMinute"] {
        template.set(parameter, "100000");
    }
    template
}

fn spec(build: &Build, template: &Template, (id, properties): (&str, &Value), gateway: &Gateway, key: &str) -> Spec {
    let function = template.evaluate(properties);
    let binary = template.resource(id)["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a binary").to_owned();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let environment = function["Environment"]["Variables"].as_object().into_iter().flatten();
    let environment: Vec<(String, String)> = environment.map(|(name, value)| (name.clone(), text(value))).collect();
    let memory_mb = function["MemorySize"].as_u64().expect("memory");
    let url = gateway.url();
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let surroundings = vec![
        // Instead of AWS's own endpoints.
        own("DYNAMODB_ENDPOINT", url),
        own("SQS_ENDPOINT", url),
        own("EVENTBRIDGE_ENDPOINT", url),
        own("SES_ENDPOINT", url),
        own("SECRETS_MANAGER_ENDPOINT", url),
        own("SSM_ENDPOINT", url),
        own("S3_ENDPOINT", &format!("{url}/s3")),
        // The stand-in for a customer's system has neither a public address nor a certificate.
        own("WEBHOOK_ALLOW_HTTP", "true"),
        // What Lambda sets.
        own("AWS_REGION", REGION),
        own("AWS_DEFAULT_REGION", REGION),
        own("AWS_ACCESS_KEY_ID", key),
        own("AWS_SECRET_ACCESS_KEY", SECRET),
        own("AWS_SESSION_TOKEN", "session"),
        own("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        own("AWS_LAMBDA_FUNCTION_NAME", &format!("license-manager-{id}")),
        own("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        own("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory_mb.to_string()),
        own("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        own("AWS_LAMBDA_LOG_GROUP_NAME", function["LoggingConfig"]["LogGroup"].as_str().unwrap_or_default()),
        own("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/24/[1]0"),
        own("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        own("_HANDLER", "bootstrap"),
        own("LAMBDA_TASK_ROOT", "/var/task"),
        own("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        own("LANG", "en_US.UTF-8"),
        own("TZ", ":UTC"),
        own("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
    ];
    Spec {
        id: id.to_owned(),
        arn: crate::template::arn("lambda", &format!("function:license-manager-{id}")),
        bootstrap: build.bootstrap(id, &binary).expect("it was looked for"),
        binary,
        environment,
        surroundings,
        memory_mb,
        timeout: Duration::from_secs(function["Timeout"].as_u64().expect("a timeout")),
    }
}
