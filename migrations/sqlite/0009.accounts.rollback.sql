DROP TABLE setup_codes;

DROP TABLE attempts;

DROP TABLE browsers;

DROP TABLE sessions;

DROP TABLE accounts;
