//! The runner as a process: its messages if it cannot start, and that it stops on a signal.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::Duration,
};

fn runner(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_license-local"));
    // The tests do not use the settings of the environment in which they run.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    runner(arguments).output().expect("the runner starts")
}

/// Asserts that it prints one line, which contains `word`, and fails.
#[track_caller]
fn fails_with_one_line(arguments: &[&str], word: &str) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert_eq!(said.trim().lines().count(), 1, "{arguments:?}: {said}");
    assert!(said.contains(word), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// A file of this test, which is deleted at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("license-local-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap_or_default();
    }
}

#[test]
fn a_taken_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    fails_with_one_line(&["--listen", &address], &address);
}

#[test]
fn a_taken_port_of_the_table_or_of_the_stand_ins() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    for option in ["--table-listen", "--aws-listen"] {
        fails_with_one_line(&["--listen", "127.0.0.1:0", option, &address], &address);
    }
}

/// The banner names the given addresses, and warns of one that other machines can reach.
#[cfg(unix)]
#[test]
fn the_table_and_the_stand_ins_are_at_the_given_addresses() {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let (table, aws) = (free(), free());
    let table_listen = format!("0.0.0.0:{}", table.port());
    let arguments = ["--listen", "127.0.0.1:0", "--no-demo", "--table-listen", &table_listen, "--aws-listen"];
    let mut runner = runner(&arguments).arg(aws.to_string()).spawn().expect("the runner starts");
    let mut said = String::new();
    let mut output = BufReader::new(runner.stdout.take().expect("piped"));
    while !said.contains("Tokens") {
        assert_ne!(output.read_line(&mut said).expect("text"), 0, "it ended: {said}");
    }
    let connected = [table, aws].map(|address| std::net::TcpStream::connect(address).is_ok());
    let interrupt = Command::new("kill").args(["-INT", &runner.id().to_string()]).status().expect("kill");
    assert!(interrupt.success() && runner.wait().expect("it ends").success());
    assert_eq!(connected, [true, true], "{said}");
    for line in [format!("DynamoDB at http://{table}"), format!("http://{aws} (stand-ins"), table_listen] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    assert_eq!(said.matches("warning").count(), 1, "{said}");
}

#[test]
fn a_missing_file() {
    fails_with_one_line(&["--listen", "127.0.0.1:0", "--import", "/nowhere/state.json"], "/nowhere/state.json");
}

#[test]
fn a_file_that_is_no_dump() {
    let file = Scratch::new("broken.json", "[{\"model\": ");
    fails_with_one_line(&["--listen", "127.0.0.1:0", "--no-demo", "--import", file.path()], file.path());
}

#[test]
fn a_clock_that_is_no_time() {
    fails_with_one_line(&["--listen", "127.0.0.1:0", "--clock", "yesterday"], "yesterday");
}

#[test]
fn an_address_that_is_none() {
    fails_with_one_line(&["--listen", "nowhere"], "nowhere");
}

#[test]
fn an_unknown_option() {
    fails_with_one_line(&["--color"], "--color");
}

#[test]
fn a_folder_that_cannot_be_used() {
    let file = Scratch::new("not-a-folder", "");
    fails_with_one_line(&["--listen", "127.0.0.1:0", "--data", file.path()], file.path());
}

#[test]
fn a_setting_that_cannot_be_used() {
    let mut command = runner(&["--listen", "127.0.0.1:0"]);
    let output = command.env("JWT_PUBLIC_SIGNING_JWK_SET", "nonsense").output().expect("the runner starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.trim().lines().count() == 1, "{said}");
    assert!(said.contains("JWT_PUBLIC_SIGNING_JWK_SET"), "{said}");
}

#[test]
fn a_setting_that_must_be_a_url_and_is_none() {
    for (name, value) in
        [("LMS_URL", "lms.example.com"), ("LEARNER_PORTAL_URL", "/portal"), ("BRAZE_API_URL", "ftp://x")]
    {
        let mut command = runner(&["--listen", "127.0.0.1:0", "--no-demo"]);
        let output = command.env(name, value).output().expect("the runner starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.trim().lines().count() == 1, "{name}: {said}");
        assert!(said.contains(name) && said.contains("URL"), "{said}");
    }
}

/// A runner that is ready. It is killed when it is dropped.
struct Started {
    process: Child,
    said: String,
    /// The rest of its output: without a reader it would block.
    _output: BufReader<ChildStdout>,
}

impl Started {
    fn new(arguments: &[&str]) -> Self {
        let mut process = runner(&["--listen", "127.0.0.1:0"]).args(arguments).spawn().expect("the runner starts");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("Tokens") {
            assert_ne!(output.read_line(&mut said).expect("text"), 0, "it ended: {said}");
        }
        Self { process, said, _output: output }
    }

    /// The address after that word in its output.
    fn address(&self, word: &str) -> String {
        let (_, rest) = self.said.split_once(&format!("{word} http://")).expect("an address");
        rest.split(['/', ' ', '\n']).next().expect("an address").to_owned()
    }

    fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("a process").is_none()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).map(drop).unwrap_or_default();
    }
}

/// Sends a request, and reads all of the response.
fn call(address: &str, head: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// The release and the test profile must unwind: a connection is broken by unwinding, and a profile that aborts would
/// end the process.
#[test]
fn faults_end_connections_and_not_the_process() {
    let mut runner = Started::new(&["--no-demo"]);
    let (api, services) = (runner.address("the runner "), runner.address("AWS        "));
    let token = || call(&services, "POST /oauth2/access_token HTTP/1.1\r\nHost: localhost", "");
    assert!(token().expect("a response").starts_with("HTTP/1.1 200"));
    for how in ["reset", "reset_after", "timeout_after"] {
        let fault = format!(r#"{{"service": "lms", "next": 2, "how": "{how}"}}"#);
        let added = call(&api, "POST /_local/faults HTTP/1.1\r\nHost: localhost", &fault).expect("a response");
        assert!(added.starts_with("HTTP/1.1 201"), "{added}");
        for _ in 0..2 {
            // The connection ends without a byte, or there is no byte until the client gives up.
            let broken = token();
            assert!(
                broken.as_ref().map_or(how == "timeout_after", String::is_empty) || broken.is_err(),
                "{how}: {broken:?}"
            );
        }
        assert!(runner.is_running(), "{how} ended the runner");
        assert!(token().expect("a response").starts_with("HTTP/1.1 200"), "{how}");
    }
}

/// A page whose name resolves to this machine must not get a token.
#[test]
fn its_own_routes_respond_only_to_names_of_this_machine() {
    let runner = Started::new(&[]);
    let api = runner.address("the runner ");
    let status = |head: &str| {
        let response = call(&api, head, "").expect("a response");
        response.split(' ').nth(1).expect("a status").to_owned()
    };
    let token = "GET /_local/tokens/operator HTTP/1.1\r\nHost:";
    assert_eq!(status(&format!("{token} localhost:8000")), "200");
    assert_eq!(status(&format!("{token} {api}\r\nOrigin: http://localhost:3000")), "200");
    assert_eq!(status(&format!("{token} rebound.example")), "403");
    assert_eq!(status(&format!("{token} {api}\r\nOrigin: https://rebound.example")), "403");
    assert_eq!(status(&format!("{token} {api}\r\nOrigin: null")), "403");
    assert_eq!(status("DELETE /_local/calls HTTP/1.1\r\nHost: rebound.example"), "403");
    // The product's own routes accept other names, because they require a token.
    assert_eq!(status("GET /health/ HTTP/1.1\r\nHost: rebound.example"), "200");
}

#[test]
fn a_folder_that_another_runner_uses() {
    let folder = std::env::temp_dir().join(format!("license-local-{}-shared", std::process::id()));
    let path = folder.to_str().expect("a path of text");
    let first = Started::new(&["--no-demo", "--data", path]);
    fails_with_one_line(&["--listen", "127.0.0.1:0", "--no-demo", "--data", path], "another runner");
    // It is killed, and leaves nothing that would have to be removed.
    drop(first);
    drop(Started::new(&["--no-demo", "--data", path]));
    std::fs::remove_dir_all(folder).expect("a folder");
}

/// Starts, prints its address, responds, and stops on a signal.
#[cfg(unix)]
#[test]
fn it_starts_and_stops() {
    let mut runner = runner(&["--listen", "127.0.0.1:0", "--no-demo"]).spawn().expect("the runner starts");
    let mut output = BufReader::new(runner.stdout.take().expect("piped"));
    let mut said = String::new();
    let address = loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).expect("text"), 0, "it ended: {said}");
        said.push_str(&line);
        if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            break format!("127.0.0.1:{port}");
        }
    };
    let interrupt = Command::new("kill").args(["-INT", &runner.id().to_string()]).status().expect("kill");
    assert!(interrupt.success());
    let status = runner.wait().expect("it ends");
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("text");
    assert!(status.success(), "{status}: {said}{rest}");
    TcpListener::bind(&address).expect("the port is free again");
}

/// Imports into a table that another process serves, as into a table of AWS.
#[cfg(unix)]
#[test]
fn it_imports_into_a_table_of_another_process() {
    let mut server = runner(&["--listen", "127.0.0.1:0", "--no-demo"]).spawn().expect("the runner starts");
    let mut output = BufReader::new(server.stdout.take().expect("piped"));
    let url = loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).expect("text"), 0, "it ended");
        if let Some((_, rest)) = line.split_once(" in a DynamoDB at ") {
            break rest.split(' ').next().unwrap_or_default().to_owned();
        }
    };
    let file = Scratch::new(
        "roles.json",
        r#"[{"model": "core.user", "pk": 1, "fields": {"username": "first-operator", "is_superuser": false}},
            {"model": "subscriptions.subscriptionsfeaturerole", "pk": 1, "fields": {"name": "enterprise_provisioning_admin"}},
            {"model": "subscriptions.subscriptionsroleassignment", "pk": 1,
             "fields": {"user": 1, "role": 1, "enterprise_customer_uuid": null}}]"#,
    );
    let import = |table: &str| {
        let mut command = runner(&["--import", file.path(), "--table", table, "--endpoint-url", &url]);
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local").env("AWS_REGION", "local");
        let output = command.output().expect("the runner starts");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
        (output.status.success(), said)
    };
    let (is_done, said) = import("license-manager");
    assert!(is_done && said.contains("1 role assignments"), "{said}");
    // That table has the imported data.
    let (is_done, said) = import("license-manager");
    assert!(is_done && said.contains("imported before"), "{said}");
    let (is_done, said) = import("another");
    assert!(!is_done && said.contains("ResourceNotFoundException"), "{said}");
    fails_with_one_line(&["--table", "license-manager"], "--import");
    let interrupt = Command::new("kill").args(["-INT", &server.id().to_string()]).status().expect("kill");
    assert!(interrupt.success() && server.wait().expect("it ends").success());
}

/// Exports what it imported to standard output, and the data of a folder into a file.
#[test]
fn it_exports_and_ends() {
    let file = Scratch::new(
        "exported-roles.json",
        r#"[{"model": "core.user", "pk": 1, "fields": {"username": "first-operator", "is_superuser": true}}]"#,
    );
    let output = run(&["--import", file.path(), "--export", "-"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("[\n") && text.ends_with("\n]\n"), "{text}");
    assert!(text.contains(r#""username":"first-operator","is_superuser":true"#), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 core.user"));

    let folder = std::env::temp_dir().join(format!("license-local-{}-export", std::process::id()));
    let data = folder.to_str().expect("a path of text");
    let target = folder.join("out.json");
    let target = target.to_str().expect("a path of text");
    assert!(run(&["--import", file.path(), "--data", data, "--export", target]).status.success());
    assert_eq!(std::fs::read_to_string(target).expect("a file"), text);
    std::fs::remove_file(target).expect("it is there");
    // The folder has the data now.
    assert!(run(&["--data", data, "--export", target]).status.success());
    assert_eq!(std::fs::read_to_string(target).expect("a file"), text);
    fails_with_one_line(&["--data", data, "--export", "/nowhere/out.json"], "/nowhere/out.json");
    // No incomplete file is left.
    let left = std::fs::read_dir(&folder)
        .expect("the folder")
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().contains("partial")));
    assert_eq!(left.count(), 0);
    std::fs::remove_dir_all(&folder).expect("removed");
    fails_with_one_line(&["--export", "-"], "--data");
}
