DROP TABLE runs;

DROP TABLE pulses;
