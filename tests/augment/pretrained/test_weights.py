"""The addresses of pretrained weights."""

from torchvision.models import AlexNet_Weights
from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights, SSD300_VGG16_Weights

from augment.pretrained import image_metrics, keypoint_rcnn


def test_addresses_are_torchvisions():
    networks = image_metrics.OUTSIDE
    assert networks["lpips"].url == AlexNet_Weights.IMAGENET1K_V1.url
    assert networks["ssd300"].url == SSD300_VGG16_Weights.COCO_V1.url
    assert keypoint_rcnn.OUTSIDE.url == KeypointRCNN_ResNet50_FPN_Weights.COCO_V1.url
