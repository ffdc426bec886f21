//! `lmctl completions` and `lmctl man`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{Arguments, Error, Exit};

pub(crate) fn completions(shell: Shell, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "lmctl", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Done)
}

pub(crate) fn man(out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    clap_mangen::Man::new(Arguments::command()).render(&mut &mut *out)?;
    Ok(Exit::Done)
}
