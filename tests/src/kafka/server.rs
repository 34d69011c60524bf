//! One broker: its settings, its process, its log.
//!
//! Separate from the clients. The process is held by a shell that waits for its standard input to close and then kills it:
//! so it ends with the test process, even if that is killed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{jars, java};
use crate::clock;

/// How long a broker may take to answer.
const START_WAIT: Duration = Duration::from_secs(90);
/// Lines of the log that a panic shows.
const LOG_LINES: usize = 40;
/// Starts the server, tells its process number, and kills it when nobody holds its input any more.
const HOLD: &str = r#""$@" </dev/null >>"$LOG" 2>&1 & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null"#;

/// A broker.
pub struct Broker {
    plan: Plan,
    holder: Child,
    pid: u32,
}

/// What a broker is started from.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    folder: PathBuf,
    port: u16,
}

/// Settings of `size` brokers that form a cluster, formatted and ready to start. In the values of `more`, which win over what is
/// usual, `{port}` and `{controller}` are a broker's own ports.
pub(super) fn plan(folder: &Path, size: usize, more: &[(&str, &str)], format: &[&str]) -> Vec<Plan> {
    let ports: Vec<(u16, u16)> = free_ports(2 * size).chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let voters: Vec<String> =
        ports.iter().enumerate().map(|(n, port)| format!("{}@127.0.0.1:{}", n + 1, port.1)).collect();
    let mut plans = Vec::new();
    for (n, port) in ports.iter().enumerate() {
        let home = folder.join(format!("broker-{n}"));
        fs::create_dir_all(&home).expect("a temporary folder can be written");
        fs::write(home.join("log4j2.yaml"), LOGGING).expect("a temporary folder can be written");
        let settings = settings(&home, n + 1, *port, &voters.join(","));
        let (own, controller) = (port.0.to_string(), port.1.to_string());
        let placed = |value: &str| value.replace("{port}", &own).replace("{controller}", &controller);
        let more = more.iter().map(|(key, value)| format!("{key}={}\n", placed(value)));
        let text: String = settings.into_iter().chain(more).collect();
        fs::write(home.join("server.properties"), text).expect("a temporary folder can be written");
        format_storage(&home, format);
        plans.push(Plan { folder: home, port: port.0 });
    }
    plans
}

const LOGGING: &str = r#"Configuration:
  Appenders: {Console: {name: out, target: SYSTEM_ERR, PatternLayout: {pattern: "%d{HH:mm:ss} %p %c{1} %m%n"}}}
  Loggers: {Root: {level: warn, AppenderRef: {ref: out}}}
"#;

fn settings(home: &Path, id: usize, port: (u16, u16), voters: &str) -> Vec<String> {
    let size = voters.split(',').count();
    let replicas = size.min(3);
    let in_sync = replicas.saturating_sub(1).max(1);
    let setting = |key: &str, value: String| format!("{key}={value}\n");
    vec![
        setting("process.roles", "broker,controller".to_owned()),
        setting("node.id", id.to_string()),
        setting("controller.quorum.voters", voters.to_owned()),
        setting("listeners", format!("PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{}", port.0, port.1)),
        setting("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{}", port.0)),
        setting("controller.listener.names", "CONTROLLER".to_owned()),
        setting("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned()),
        setting("log.dirs", home.join("data").display().to_string()),
        setting("auto.create.topics.enable", "false".to_owned()),
        setting("offsets.topic.replication.factor", replicas.to_string()),
        setting("offsets.topic.num.partitions", "4".to_owned()),
        setting("transaction.state.log.replication.factor", replicas.to_string()),
        setting("transaction.state.log.num.partitions", "4".to_owned()),
        setting("transaction.state.log.min.isr", in_sync.to_string()),
        setting("min.insync.replicas", in_sync.to_string()),
        setting("share.coordinator.state.topic.replication.factor", replicas.to_string()),
        setting("share.coordinator.state.topic.min.isr", "1".to_owned()),
        setting("group.initial.rebalance.delay.ms", "0".to_owned()),
        // A member that was killed is given up soon: the tests kill many.
        setting("group.min.session.timeout.ms", "1000".to_owned()),
    ]
}

fn format_storage(home: &Path, more: &[&str]) {
    let answer = java()
        .arg(format!("-Dlog4j2.configurationFile={}", home.join("log4j2.yaml").display()))
        .args(["kafka.tools.StorageTool", "format", "-t", "d2VpcnRlc3RzY2x1c3RlcjE", "-c"])
        .arg(home.join("server.properties"))
        .args(more)
        .output()
        .unwrap_or_else(|error| panic!("Java 17 runs Apache Kafka for the tests: `java`: {error}"));
    assert!(
        answer.status.success(),
        "Kafka's storage was not formatted:\n{}{}",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr)
    );
}

/// Ports that nobody listens on now.
pub(super) fn free_ports(count: usize) -> Vec<u16> {
    let bound: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a free port"))
        .collect();
    bound.iter().map(|bound| bound.local_addr().expect("it is bound").port()).collect()
}

impl Broker {
    pub(super) fn start(plan: Plan) -> Self {
        let (holder, pid) = launch(&plan);
        Self { plan, holder, pid }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.plan.port)
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        signal(self.pid, "KILL");
        drop(self.holder.stdin.take());
        self.holder.wait().expect("the shell that holds it ends with it");
    }

    /// Asks it to end, as an operator would, and waits.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&mut self) {
        signal(self.pid, "TERM");
        let started = clock::now();
        while is_alive(self.pid) {
            assert!(started.elapsed() < START_WAIT, "Apache Kafka does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(self.holder.stdin.take());
        self.holder.wait().expect("the shell that holds it ends with it");
    }

    /// Freezes it.
    pub fn freeze(&self) {
        signal(self.pid, "STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal(self.pid, "CONT");
    }

    /// Starts it again on its own data and port.
    pub fn restart(&mut self) {
        (self.holder, self.pid) = launch(&self.plan);
        self.wait_until_it_answers();
    }

    /// Waits until it takes connections.
    ///
    /// # Panics
    /// With the end of its log, if it does not.
    pub fn wait_until_it_answers(&mut self) {
        let started = clock::now();
        while TcpStream::connect(self.address()).is_err() {
            let ended = !Path::new(&format!("/proc/{}", self.pid)).exists();
            if ended || started.elapsed() > START_WAIT {
                panic!("Apache Kafka did not start in {:?}:\n{}", started.elapsed(), self.log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.plan.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

fn launch(plan: &Plan) -> (Child, u32) {
    let mut holder = Command::new("sh")
        .args(["-c", HOLD, "kafka", "java", "-Xmx512m", "-XX:+UseSerialGC"])
        .arg(format!("-Dlog4j2.configurationFile={}", plan.folder.join("log4j2.yaml").display()))
        .arg("-cp")
        .arg(format!("{}/*", jars().display()))
        .arg("kafka.Kafka")
        .arg(plan.folder.join("server.properties"))
        .env("LOG", plan.folder.join("server.log"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell is there");
    let mut line = String::new();
    let mut told = BufReader::new(holder.stdout.take().expect("it was asked for"));
    told.read_line(&mut line).expect("the shell tells the process number");
    let pid = line.trim().parse().expect("a process number");
    (holder, pid)
}

/// Whether it still runs; one that has ended and was not yet waited for does not.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Sends a signal to a process that a test started.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "no signal {name} for process {pid}");
}
