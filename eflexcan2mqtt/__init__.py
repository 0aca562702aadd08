"""eflexcan2mqtt: Fortress Power eFlex batteries from their CAN bus to MQTT."""

__version__ = "1.4.0"
