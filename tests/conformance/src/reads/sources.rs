//! Sources of COPY, ADD and bind mounts: a path of the tree in any of the forms that reach it.

use crate::chance::Chance;

/// What the matchers of the client and of the daemon may read differently.
const ODD: [&str; 16] = [
    "q\\\\*", "[[]x]", "a|b*", "*|b", "[^a]*", "[a-f|]*", "src/**", "**/x.txt", "s**", "{a,b}*", "^*", "[!s]*", "?[x]",
    "*.txt|f", "sr[c]/*", "*/",
];

/// A source of COPY or ADD that names something of `paths`, most of the time.
pub(super) fn source(chance: &mut Chance, paths: &[String], variables: &[String]) -> String {
    if chance.percent(4) {
        return (*chance.pick(&[".", "/", "./", "*", "nowhere", "..", "*/*", "**"])).to_owned();
    }
    if chance.percent(3) {
        return (*chance.pick(&ODD)).to_owned();
    }
    if !variables.is_empty() && chance.percent(18) {
        return with_variable(chance, variables);
    }
    let path = pick(chance, paths);
    let mut path = match chance.below(10) {
        0 | 1 => with_wildcard(chance, &path),
        2 => up(chance, &path),
        _ => path,
    };
    if chance.percent(14) {
        path.insert_str(0, chance.pick::<&str>(&["/", "./", "../", "//", "/./", "src/../"]));
    }
    if chance.percent(8) {
        path.push_str(chance.pick::<&str>(&["/", "/.", "/*"]));
    }
    path
}

/// A source of a bind mount: no wildcards there.
pub(super) fn mount_source(chance: &mut Chance, paths: &[String], variables: &[String]) -> String {
    if !variables.is_empty() && chance.percent(15) {
        return format!("${{{}}}", chance.pick(variables));
    }
    let path = pick(chance, paths);
    match chance.below(8) {
        0 => format!("/{path}"),
        1 => format!("./{path}"),
        2 => up(chance, &path),
        3 => (*chance.pick(&[".", "/", ""])).to_owned(),
        _ => path,
    }
}

/// A source of `COPY --parents`.
pub(super) fn parents_source(chance: &mut Chance, paths: &[String]) -> String {
    let path = pick(chance, paths);
    let mut parts: Vec<&str> = path.split('/').collect();
    match chance.below(7) {
        0 => return format!("**/{}", parts[parts.len() - 1]),
        1 => return "**/*.txt".to_owned(),
        2 if parts.len() > 1 => parts.insert(1, "**"),
        3 if parts.len() > 1 => parts.insert(1, "."),
        4 => return format!("./{path}"),
        5 => return format!("{}/**/{}", parts[0], chance.pick(&["*.txt", "x.txt", "f", "*"])),
        _ => {}
    }
    let path = parts.join("/");
    if chance.percent(20) {
        with_wildcard(chance, &path)
    } else {
        path
    }
}

/// A pattern of `--exclude`.
pub(super) fn exclude(chance: &mut Chance, paths: &[String]) -> String {
    let path = pick(chance, paths);
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    match chance.below(9) {
        0 => "*.txt".to_owned(),
        1 => "**/*.txt".to_owned(),
        2 => name.to_owned(),
        3 => format!("**/{name}"),
        4 => format!("*/{name}"),
        5 if !folder.is_empty() => folder.to_owned(),
        6 => format!("/{path}"),
        7 => with_wildcard(chance, &path),
        _ => path,
    }
}

fn with_variable(chance: &mut Chance, variables: &[String]) -> String {
    let name = chance.pick(variables);
    match chance.below(7) {
        0 => format!("${name}"),
        1 => format!("${{{name}}}/*"),
        2 => format!("${{{name}:-lib}}"),
        3 => "${NEVER:-src}".to_owned(),
        4 => format!("${{{name}:+src}}"),
        5 => format!("./${name}/x.txt"),
        _ => format!("${{{name}}}"),
    }
}

fn pick(chance: &mut Chance, paths: &[String]) -> String {
    if paths.is_empty() {
        return "src".to_owned();
    }
    let links: Vec<&String> = paths
        .iter()
        .filter(|path| path.ends_with("link") || path.ends_with("l.txt"))
        .collect();
    if !links.is_empty() && chance.percent(14) {
        let link = *chance.pick(&links);
        let below = *chance.pick(&["", "", "", "/x.txt", "/src", "/f", "/.."]);
        return format!("{link}{below}");
    }
    chance.pick(paths).clone()
}

fn up(chance: &mut Chance, path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if chance.percent(60) => folder.to_owned(),
        Some((folder, name)) => format!("{folder}/../{folder}/{name}"),
        None => path.to_owned(),
    }
}

fn with_wildcard(chance: &mut Chance, path: &str) -> String {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let at = chance.below(parts.len());
    let part = &mut parts[at];
    let first = part.chars().next().map(String::from).unwrap_or_default();
    let rest: String = part.chars().skip(1).collect();
    *part = match chance.below(8) {
        0 | 1 => "*".to_owned(),
        2 => format!("{first}*"),
        3 => format!("?{rest}"),
        4 => format!("[a-z]{rest}"),
        5 => format!("*{rest}"),
        6 => format!("[^q]{rest}"),
        _ => part
            .rsplit_once('.')
            .map_or("*".to_owned(), |(_, end)| format!("*.{end}")),
    };
    parts.join("/")
}
