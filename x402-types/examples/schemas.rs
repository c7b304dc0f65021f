//! Writes the published JSON Schemas into the workspace's folder `schemas`.

use std::error::Error;
use std::fs;
use std::path::Path;

use x402_types::schema;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("schemas");
    for (path, schema) in schema::published() {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, schema::to_file(&schema)?)?;
    }
    Ok(())
}
