mod drawn;
mod keys;
mod picture;
mod scene;
