"""The second process: journal, MQTT publisher and command intake. It has the network and no devices."""
