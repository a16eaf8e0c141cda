//! The English of every message; `{name}` is a parameter.

/// The English template of `key`.
pub fn english(key: &str) -> &'static str {
    TABLE
        .iter()
        .find(|(known, _)| *known == key)
        .map_or("(no words yet)", |(_, text)| text)
}

pub(super) const TABLE: &[(&str, &str)] = &[
    ("host.reads", "facts of the machine: {parts}"),
    ("file.reads", "files that match {path}"),
    ("file.exclude", "but not {path}"),
    ("file.head_bytes", "the first {bytes} of each file"),
    ("file.head_lines", "the first {lines} lines of each file"),
    ("file.tail_bytes", "the last {bytes} of each file"),
    ("file.tail_lines", "the last {lines} lines of each file"),
    ("file.whole", "each file from its beginning, up to {bytes}"),
    (
        "file.limits",
        "at most {files} files, the newest first, and {bytes} of each",
    ),
    ("file.total", "at most {bytes} of all files together"),
    ("file.age", "only files changed in the last {age}"),
    (
        "file.raw",
        "files are sent as they are, also binary ones, without redaction",
    ),
    ("file.secrets", "{path} is where {what} usually are"),
    ("command.runs", "{line}"),
    (
        "command.sends",
        "its output (at most {stdout}), its error output (at most {stderr}) and its exit status",
    ),
    ("command.danger", "a program runs: {path}"),
    (
        "command.interpreter",
        "{path} runs whatever its arguments say",
    ),
    ("journal.reads", "the system journal of the units {units}"),
    ("journal.reads_all", "the whole system journal"),
    (
        "journal.limits",
        "of the last {since}, at most the newest {lines} lines",
    ),
    ("journal.priority", "only priority {priority} and graver"),
    (
        "processes.reads",
        "running processes whose name holds one of: {names}",
    ),
    ("processes.reads_all", "all running processes"),
    (
        "processes.arguments",
        "their command lines, redacted, with owner, memory, CPU time and age; never their environments",
    ),
    (
        "processes.names_only",
        "their names, owner, memory, CPU time and age; no command lines",
    ),
    (
        "processes.limits",
        "at most {top}, the greatest by {by} first",
    ),
    (
        "postgres.host",
        "the Postgres server at {host} port {port}, database {database}, as the credential {credential}",
    ),
    (
        "postgres.socket",
        "the Postgres server at the socket in {dir}, database {database}, as the credential {credential}",
    ),
    (
        "postgres.reads",
        "by built-in read-only queries: {sections}",
    ),
    (
        "postgres.limits",
        "at most {timeout} and {rows} rows a query",
    ),
    ("danger.host", "another host is contacted: {host}"),
    ("wide.command", "it runs the command {path}"),
    (
        "wide.path",
        "it reads {path}, outside the ordinary directories",
    ),
    ("wide.raw", "it sends raw files, without redaction"),
    ("wide.host", "it contacts the host {host}"),
    (
        "wide.socket",
        "it contacts a socket in {dir}, outside the system's directories",
    ),
    (
        "wide.credentials",
        "it uses more than one credential: {names}",
    ),
    (
        "wide.unknown",
        "it names the collector {collector}, which this version does not know",
    ),
    (
        "wide.unreadable",
        "the parameters of the section {section} cannot be read: {why}",
    ),
    (
        "wide.template",
        "it uses a template, which this version does not read",
    ),
    (
        "mismatch.customer",
        "it is for other customers than {customer}",
    ),
    (
        "mismatch.opted_in",
        "it is for customers who opted in, and this one did not",
    ),
    ("mismatch.nobody", "its audience is empty"),
    (
        "mismatch.instance",
        "it names other instances than {instance}",
    ),
    ("mismatch.product", "none of its products is here: {wanted}"),
    (
        "mismatch.version",
        "{product} is here in version {found}, and the hook is for {wanted}",
    ),
    (
        "mismatch.unreadable",
        "versions of {product} cannot be compared: {why}",
    ),
    ("mismatch.os", "it is for {wanted}, and this is {found}"),
    (
        "mismatch.label",
        "it is for the label {name} = {wanted}, and here it is {found}",
    ),
    (
        "mismatch.no_label",
        "it is for the label {name} = {wanted}, which is not set here",
    ),
    (
        "mismatch.problem",
        "it is for a problem, and reports of problems are not matched yet",
    ),
    (
        "mismatch.package",
        "it is for a package, and packages are not matched yet",
    ),
    ("heading.reason", "Why, in the author's words"),
    ("heading.who", "For"),
    ("heading.limits", "Until when, and how much"),
    ("heading.reach", "Reach and signatures"),
    ("heading.dangers", "Mind"),
    (
        "heading.section",
        "Section {section}, by the collector {collector}",
    ),
    ("heading.redaction", "Redaction"),
    ("label.reads", "reads"),
    ("label.runs", "runs"),
    ("label.contacts", "contacts"),
    ("label.sends", "sends"),
    ("label.limits", "within"),
    ("label.dangers", "mind"),
    ("hook.line", "hook {id}, revision {revision}, by {author}"),
    ("for.ticket", "the ticket {key} in {system}"),
    ("for.ticket_url", "the ticket {key} in {system} ({url})"),
    ("for.problem", "the problem {signature}"),
    ("for.package", "the package {name}"),
    ("for.customers", "the customers {customers}"),
    ("for.opted_in", "every customer who opted in"),
    ("for.nobody", "no instance: the audience is empty"),
    ("for.everyone", "every instance of these customers"),
    ("for.instances", "only the instances {instances}"),
    ("for.products", "only instances with one of: {products}"),
    ("for.os", "only instances on one of: {os}"),
    (
        "for.label",
        "only instances with the label {name} = {value}",
    ),
    (
        "for.problem_report",
        "only instances that reported the problem {signature} (not matched yet)",
    ),
    (
        "for.package_report",
        "only instances with the package {name} (not matched yet)",
    ),
    ("product.any", "{name}, any version"),
    ("product.range", "{name} {versions}"),
    ("product.debian", "{name} {versions} (Debian versions)"),
    ("limit.time", "from {from} until {until} ({life})"),
    (
        "limit.places",
        "at most {places} packets, one of each instance",
    ),
    ("limit.bytes", "at most {packet} a packet, {total} in all"),
    ("limit.once", "runs once on an instance"),
    ("limit.attempts", "at most {attempts} runs on an instance"),
    (
        "limit.overruns",
        "stops at {count} instances that send more than they declared",
    ),
    (
        "limit.errors",
        "stops when more than {percent} % of its runs failed",
    ),
    ("limit.retention", "its packets are kept {days} days"),
    ("limit.agent", "only agents of version {version} or newer"),
    (
        "reask.none",
        "instances that answered an earlier revision are not asked again",
    ),
    (
        "reask.failed",
        "instances that failed at an earlier revision are asked again",
    ),
    (
        "reask.all",
        "instances that answered an earlier revision are asked again",
    ),
    (
        "reach.ordinary",
        "ordinary: nothing beyond facts, processes, the journal, the ordinary directories and built-in queries on this machine",
    ),
    ("reach.wide", "wide"),
    (
        "reach.assumed",
        "reckoned with {paths} as the ordinary directories; the root decides",
    ),
    (
        "sign.people",
        "needs the signatures of {people} people, the author among them",
    ),
    (
        "sign.assumed",
        "needs the signatures of as many people as the root says, the author among them",
    ),
    (
        "sign.elsewhere",
        "at least one of them by a key that is not kept in a browser",
    ),
    ("section.limits", "at most {seconds} and {bytes}"),
    ("section.outputs", "what was read, after redaction"),
    (
        "section.unknown",
        "this version does not know the collector {collector}: what it would do cannot be said. Agents that do not know it either leave the section out",
    ),
    (
        "section.unreadable",
        "its parameters cannot be read, and no agent of this version will run it: {why}",
    ),
    ("section.params", "its parameters as they are: {params}"),
    (
        "redaction.floor",
        "every text is redacted by the rules of the instance's policy before it leaves",
    ),
    ("redaction.keys", "and the values of: {keys}"),
    ("redaction.patterns", "and what matches: {patterns}"),
    (
        "danger.everyone",
        "it is for every instance of every customer who opted in",
    ),
    (
        "danger.template",
        "it uses a template, checks or a condition, which this version does not read",
    ),
    (
        "danger.hidden",
        "its title or reason holds invisible characters or marks of direction, shown as their codes",
    ),
];
